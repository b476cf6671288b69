/** Against a live server, over a line that fails. The surroundings say where: see tests/project/test_typescript_client.py. */

import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import { after, afterEach, before, describe, test } from "node:test";

import { ApiProblem, MawidClient, MemoryStore, SignedOut, Unreachable } from "../src/index.js";
import { Wire, type Fault } from "./wire.js";

function given(name: string): string {
  const value = process.env[name];
  if (!value) throw new Error(`${name} is not set`);
  return value;
}

const wire = new Wire(new URL(given("MAWID_URL")));
const salon = given("MAWID_SALON");
let server = "";
let phones = 0;

before(async () => {
  server = await wire.open();
});
after(() => wire.close());
afterEach(() => wire.calm());

function newPhone(): string {
  phones += 1;
  return `+9665${given("MAWID_PHONES")}${String(phones).padStart(3, "0")}`;
}

function codeFor(phone: string): string {
  const lines = readFileSync(given("MAWID_MESSAGES"), "utf-8").trim().split("\n");
  const texts = lines.map((line) => JSON.parse(line) as { to: string; body: string }).filter((m) => m.to === phone);
  const code = /\b\d{6}\b/.exec(texts.at(-1)?.body ?? "");
  assert.ok(code, `a code for ${phone}`);
  return code[0];
}

function app(more: Partial<ConstructorParameters<typeof MawidClient>[0]> = {}): MawidClient {
  return new MawidClient({
    server,
    client: "web/1.0.0+1",
    installationId: randomUUID(),
    language: () => "ar",
    timeoutMs: 2000,
    ...more,
  });
}

async function signedIn(more: Parameters<typeof app>[0] = {}): Promise<MawidClient> {
  const client = app(more);
  const phone = newPhone();
  const asked = await client.askForCode(phone);
  await client.signIn(asked.otp_request_id, codeFor(phone), "web");
  return client;
}

async function freeTimes(client: MawidClient) {
  const page = await client.call("get", "/api/v1/salons/{salon}", { place: { salon } });
  const service = page.services.find((s) => s.deposit.amount_minor === 0) ?? page.services[0];
  assert.ok(service);
  const date = new Date(Date.now() + 86_400_000).toISOString().slice(0, 10);
  const found = await client.call("get", "/api/v1/salons/{salon}/availability", {
    place: { salon },
    query: { service_ids: service.id, date, days: 7 },
  });
  const starts = found.days.flatMap((day) => day.slots.map((slot) => slot.starts_at));
  assert.ok(starts.length > 4);
  return { salonId: page.id, service, starts };
}

async function wish(client: MawidClient, nth = 0) {
  const { salonId, service, starts } = await freeTimes(client);
  const body = {
    salon_id: salonId,
    items: [{ service_id: service.id, staff_member_id: null }],
    starts_at: starts[nth] as string,
  };
  const quote = await client.call("post", "/api/v1/quotes", { body });
  return { ...body, expected_total_minor: quote.price.amount_minor };
}

async function bookings(client: MawidClient) {
  return (await client.call("get", "/api/v1/bookings", { query: { limit: 50 } })).items;
}

describe("the journey", () => {
  test("sign in, find a time, book, move, cancel", async () => {
    const client = await signedIn();
    const body = await wish(client);
    const booking = await client.call("post", "/api/v1/bookings", { body, key: randomUUID() });
    assert.ok(["held", "requested", "confirmed"].includes(booking.state));
    assert.match(booking.starts_at, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+03:00$/);
    const place = { booking_id: booking.id };
    let version = booking.version;
    if (booking.allowed_actions.includes("reschedule")) {
      const { starts } = await freeTimes(client);
      const moved = await client.call("post", "/api/v1/bookings/{booking_id}/reschedule", {
        place,
        body: { version, starts_at: starts.at(-1) as string },
        key: randomUUID(),
      });
      assert.notEqual(moved.starts_at, booking.starts_at);
      version = moved.version;
    }
    const gone = await client.call("post", "/api/v1/bookings/{booking_id}/cancel", { place, body: { version }, key: randomUUID() });
    assert.equal(gone.phase, "cancelled");
    await client.signOut();
    await assert.rejects(client.call("get", "/api/v1/me"), (e) => e instanceof ApiProblem && e.code === "auth_required");
  });
});

describe("one tap is one booking", () => {
  for (const fault of ["drop-answer", "cut-answer", "slow", "drop-request", "captive-portal"] satisfies Fault[]) {
    test(`when the line does this to it: ${fault}`, async () => {
      const client = await signedIn();
      const body = await wish(client);
      wire.calm();
      wire.spoil(/POST .*\/bookings$/, fault);
      const booking = await client.call("post", "/api/v1/bookings", { body, key: randomUUID() });
      const sent = wire.seen.filter((s) => s.path.endsWith("/bookings") && s.method === "POST");
      assert.equal(sent.length, 2);
      assert.equal(new Set(sent.map((s) => s.key)).size, 1);
      const mine = await bookings(client);
      assert.deepEqual(mine.map((b) => b.id), [booking.id]);
    });
  }

  test("and when the line never comes back, the same key later finds the booking", async () => {
    const client = await signedIn({ tries: 2 });
    const body = await wish(client);
    const key = randomUUID();
    wire.spoil(/POST .*\/bookings$/, "drop-answer", 2);
    await assert.rejects(client.call("post", "/api/v1/bookings", { body, key }), Unreachable);
    const booking = await client.call("post", "/api/v1/bookings", { body, key });
    assert.deepEqual((await bookings(client)).map((b) => b.id), [booking.id]);
  });

  test("a request without a key is never repeated", async () => {
    const client = await signedIn();
    const body = await wish(client);
    wire.calm();
    wire.spoil(/POST .*\/quotes$/, "drop-answer");
    const { expected_total_minor: _, ...quoted } = body;
    await assert.rejects(client.call("post", "/api/v1/quotes", { body: quoted }), Unreachable);
    assert.equal(wire.count(/POST .*\/quotes$/), 1);
  });

  test("another wish under a used key is refused, not booked", async () => {
    const client = await signedIn();
    const key = randomUUID();
    await client.call("post", "/api/v1/bookings", { body: await wish(client), key });
    await assert.rejects(
      client.call("post", "/api/v1/bookings", { body: await wish(client, 3), key }),
      (e) => e instanceof ApiProblem && e.code === "idempotency_key_reused",
    );
    assert.equal((await bookings(client)).length, 1);
  });
});

describe("nobody is signed out by a bad line", () => {
  const refreshes = /POST .*\/token-refreshes$/;

  test("five calls refused at once share one refresh", async () => {
    const client = await signedIn();
    wire.spoil(/GET .*\/me$/, "stale-token", 5);
    const answers = await Promise.all(Array.from({ length: 5 }, () => client.call("get", "/api/v1/me")));
    assert.equal(new Set(answers.map((me) => me.id)).size, 1);
    assert.equal(wire.count(refreshes), 1);
  });

  for (const fault of ["drop-answer", "cut-answer", "slow", "drop-request", "captive-portal"] satisfies Fault[]) {
    test(`when the line does this to the refresh: ${fault}`, async () => {
      let out = false;
      const client = await signedIn({ onSignedOut: () => (out = true) });
      wire.spoil(/GET .*\/me$/, "stale-token");
      wire.spoil(refreshes, fault);
      assert.ok((await client.call("get", "/api/v1/me")).id);
      assert.equal(wire.count(refreshes), 2);
      assert.equal(out, false);
      assert.ok((await client.call("get", "/api/v1/me")).id);
    });
  }

  test("a refresh that stays unreachable keeps the tokens", async () => {
    let out = false;
    const client = await signedIn({ tries: 2, onSignedOut: () => (out = true) });
    wire.spoil(/GET .*\/me$/, "stale-token", 2);
    wire.spoil(refreshes, "drop-request", 20);
    await assert.rejects(client.call("get", "/api/v1/me"), Unreachable);
    wire.calm();
    assert.ok((await client.call("get", "/api/v1/me")).id);
    assert.equal(out, false);
  });

  test("a token near its end is exchanged before it is refused", async () => {
    const store = new MemoryStore();
    const client = await signedIn({ store });
    const tokens = await store.load();
    assert.ok(tokens);
    await store.save({ ...tokens, receivedAt: performance.now() - tokens.lifeSeconds * 810 });
    wire.calm();
    await client.call("get", "/api/v1/me");
    assert.deepEqual(wire.seen.map((s) => s.path.split("/").at(-1)), ["token-refreshes", "me"]);
  });

  test("a refresh token that the server does not know ends the sign-in", async () => {
    let told = 0;
    const store = new MemoryStore();
    const client = await signedIn({ store, onSignedOut: () => (told += 1) });
    const tokens = await store.load();
    assert.ok(tokens);
    await store.save({ ...tokens, refresh: `${tokens.refresh}x` });
    wire.spoil(/GET .*\/me$/, "stale-token", 3);
    const calls = await Promise.allSettled(Array.from({ length: 3 }, () => client.call("get", "/api/v1/me")));
    assert.ok(calls.every((c) => c.status === "rejected" && c.reason instanceof SignedOut));
    assert.equal(told, 1);
  });

  test("a session that was ended elsewhere is over, and the app is told once", async () => {
    let told = 0;
    const store = new MemoryStore();
    const client = await signedIn({ store, onSignedOut: () => (told += 1) });
    const tokens = await store.load();
    assert.ok(tokens);
    await client.call("post", "/api/v1/auth/logout", { body: { refresh_token: tokens.refresh, everywhere: true } });
    const calls = await Promise.allSettled(Array.from({ length: 4 }, () => client.call("get", "/api/v1/me")));
    assert.ok(calls.every((c) => c.status === "rejected" && c.reason instanceof SignedOut));
    assert.equal(told, 1);
    assert.equal(await store.load(), null);
  });
});

describe("what is refused is said in words", () => {
  for (const [language, letters] of [["ar", /[\u0621-\u064a]/], ["en", /[a-z]{3}/]] as const) {
    test(`in the language on the screen: ${language}`, async () => {
      const client = app({ language: () => language });
      await assert.rejects(client.askForCode("0123"), (error) => {
        assert.ok(error instanceof ApiProblem);
        assert.equal(error.code, "validation_failed");
        assert.equal(error.errors[0]?.pointer, "/phone");
        assert.equal(error.errors[0]?.code, "phone_invalid");
        assert.match(error.message, letters);
        assert.match(error.errors[0]?.detail ?? "", letters);
        assert.ok(error.requestId.length >= 8);
        return true;
      });
    });
  }

  test("a stale version brings the booking as it is", async () => {
    const client = await signedIn();
    const booking = await client.call("post", "/api/v1/bookings", { body: await wish(client, 2), key: randomUUID() });
    const place = { booking_id: booking.id };
    const body = { version: booking.version + 7 };
    await assert.rejects(client.call("post", "/api/v1/bookings/{booking_id}/cancel", { place, body, key: randomUUID() }), (error) => {
      assert.ok(error instanceof ApiProblem);
      assert.equal(error.code, "version_conflict");
      assert.equal((error.current as { id: string }).id, booking.id);
      return true;
    });
  });

  test("somebody else's booking is not there", async () => {
    const mine = await signedIn();
    const booking = await mine.call("post", "/api/v1/bookings", { body: await wish(mine, 4), key: randomUUID() });
    const other = await signedIn();
    await assert.rejects(
      other.call("get", "/api/v1/bookings/{booking_id}", { place: { booking_id: booking.id } }),
      (e) => e instanceof ApiProblem && e.status === 404 && e.code === "not_found",
    );
  });

  test("the page of a captive portal is no answer", async () => {
    wire.spoil(/GET .*\/cities$/, "captive-portal", 9);
    await assert.rejects(app({ tries: 2 }).call("get", "/api/v1/cities"), Unreachable);
  });
});
