/**
 * An app that has nothing but this folder builds its journey: sign in, book, pay, move, cancel, in both languages and
 * with each refusal a screen has to show. `npm run mock` in tools/ answers; `npm run test:mock` here asks.
 */

import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { appendFileSync } from "node:fs";
import { describe, test } from "node:test";

import { ApiProblem, MawidClient } from "../src/index.js";

const server = process.env.MOCK_URL ?? "http://127.0.0.1:4010";
const LETTERS = { ar: /[\u0621-\u064a]/, en: /[A-Za-z]{3}/ };
type Language = keyof typeof LETTERS;

/** Asks the mock for one of the named examples of `openapi.yaml`; without a wish, for the good answer. */
class Mock {
  private wish: string | null = null;

  constructor(private readonly language: Language) {}

  /** The next answer is this one, `slot_unavailable` with 409 or `captured` with 200. */
  next(status: number, example: string): void {
    this.wish = `code=${status}, example=${example}.${this.language}`;
  }

  readonly fetch: typeof fetch = async (address, init) => {
    const headers = new Headers(init?.headers);
    headers.set("Prefer", this.wish ?? `example=ok.${this.language}`);
    this.wish = null;
    const answer = await fetch(address, { ...init, headers });
    if (process.env.MOCK_ANSWERS) {
      const body = answer.status === 204 ? null : await answer.clone().json();
      const told = { method: init?.method, path: new URL(String(address)).pathname, status: answer.status, language: this.language, body };
      appendFileSync(process.env.MOCK_ANSWERS, `${JSON.stringify(told)}\n`);
    }
    return answer;
  };
}

for (const language of ["ar", "en"] as const) {
  describe(`from a phone number to a cancelled booking, in ${language}`, () => {
    const mock = new Mock(language);
    const app = new MawidClient({
      server,
      client: "web/1.0.0",
      installationId: randomUUID(),
      language: () => language,
      fetch: mock.fetch,
      tries: 1,
    });
    const inWords = (text: string) => assert.match(text, LETTERS[language]);

    /** The next call is refused with this code, in words for the person. */
    async function refused(status: number, code: string, call: () => Promise<unknown>): Promise<ApiProblem> {
      mock.next(status, code);
      const error = await call().then(() => assert.fail(`${code} was not refused`), (reason: unknown) => reason);
      assert.ok(error instanceof ApiProblem, String(error));
      assert.deepEqual([error.status, error.code], [status, code]);
      inWords(error.message);
      assert.ok(error.requestId);
      return error;
    }

    test("signing in", async () => {
      const wrongNumber = await refused(400, "validation_failed", () => app.askForCode("0123"));
      assert.equal(wrongNumber.errors[0]?.pointer, "/phone");
      inWords(wrongNumber.errors[0]?.detail ?? "");
      const tooSoon = await refused(429, "otp_resend_wait", () => app.askForCode("0512345678"));
      assert.ok((tooSoon.retryAfter ?? 0) > 0);
      const asked = await app.askForCode("0512345678");
      await refused(400, "otp_invalid", () => app.signIn(asked.otp_request_id, "000000", "web"));
      await refused(400, "otp_expired", () => app.signIn(asked.otp_request_id, "000000", "web"));
      const signedIn = await app.signIn(asked.otp_request_id, "123456", "web");
      assert.ok(signedIn.user.id);
    });

    test("choosing a salon and a time", async () => {
      const page = await app.call("get", "/api/v1/salons", { query: { limit: 1 } });
      const salon = page.items[0]?.id ?? "";
      const shown = await app.call("get", "/api/v1/salons/{salon}", { place: { salon } });
      inWords(shown.name);
      inWords(shown.services[0]?.name ?? "");
      const times = await app.call("get", "/api/v1/salons/{salon}/availability", {
        place: { salon },
        query: { service_ids: shown.services[0]?.id ?? "", days: 7 },
      });
      assert.match(times.days[0]?.slots[0]?.starts_at ?? "", /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+03:00$/);
    });

    const wish = {
      salon_id: randomUUID(),
      items: [{ service_id: randomUUID(), staff_member_id: null }],
      starts_at: "2026-11-24T12:00:00+03:00",
    };
    const book = (more: object = {}) => app.call("post", "/api/v1/bookings", { body: { ...wish, ...more }, key: randomUUID() });

    test("booking", async () => {
      const quote = await app.call("post", "/api/v1/quotes", { body: wish });
      const expected = { expected_total_minor: quote.price.amount_minor };
      await refused(409, "slot_unavailable", () => book(expected));
      await refused(409, "booking_overlap", () => book(expected));
      await refused(422, "amount_changed", () => book(expected));
      const booking = await book(expected);
      assert.equal(booking.state, "held");
      inWords(booking.state_label);
      assert.ok(booking.allowed_actions.includes("pay"));
      assert.ok((booking.hold_expires_in_seconds ?? 0) > 0);
    });

    test("paying", async () => {
      const { id: booking_id } = await book();
      const pay = () =>
        app.call("post", "/api/v1/bookings/{booking_id}/payments", {
          place: { booking_id },
          body: { source: { type: "token", token: "token_of_the_sdk" }, purpose: "deposit", save_card: false },
          key: randomUUID(),
        });
      await refused(409, "slot_expired", pay);
      const payment = await pay();
      assert.equal(payment.state, "initiated");
      const place = { payment_id: payment.id };
      const read = () => app.call("get", "/api/v1/payments/{payment_id}", { place });
      mock.next(200, "card_declined");
      const declined = await read();
      assert.deepEqual([declined.state, declined.failure?.code], ["failed", "card_declined"]);
      inWords(declined.failure?.detail ?? "");
      mock.next(200, "captured");
      const paid = await read();
      assert.equal(paid.state, "captured");
      assert.equal(paid.poll_after_seconds, null);
      mock.next(200, "confirmed");
      const booking = await app.call("get", "/api/v1/bookings/{booking_id}", { place: { booking_id } });
      assert.equal(booking.state, "confirmed");
      inWords(booking.state_label);
    });

    test("moving", async () => {
      const { id: booking_id, version } = await book();
      const move = () =>
        app.call("post", "/api/v1/bookings/{booking_id}/reschedule", {
          place: { booking_id },
          body: { version, starts_at: "2026-11-25T14:00:00+03:00" },
          key: randomUUID(),
        });
      await refused(409, "slot_unavailable", move);
      const stale = await refused(409, "version_conflict", move);
      assert.ok((stale.current as { version: number }).version > 0);
      await refused(422, "reschedule_too_late", move);
      assert.ok((await move()).version > 0);
    });

    test("cancelling", async () => {
      const { id: booking_id, version } = await book();
      const cancel = () =>
        app.call("post", "/api/v1/bookings/{booking_id}/cancel", { place: { booking_id }, body: { version }, key: randomUUID() });
      await refused(409, "cannot_change_status", cancel);
      const gone = await cancel();
      assert.equal(gone.phase, "cancelled");
      inWords(gone.state_label);
    });

    test("what the contract does not allow, the mock does not either", async () => {
      const plain = { server, client: "web/1.0.0", installationId: randomUUID(), language: () => language, tries: 1 };
      const refuses = (call: Promise<unknown>, status: number) =>
        assert.rejects(call, (error) => error instanceof ApiProblem && error.status === status);
      await refuses(new MawidClient(plain).call("get", "/api/v1/bookings"), 401);
      const signedIn = new MawidClient(plain);
      const asked = await signedIn.askForCode("0512345678");
      await signedIn.signIn(asked.otp_request_id, "123456", "web");
      await refuses(signedIn.call("post", "/api/v1/bookings", { body: wish }), 422); // without an Idempotency-Key
      await refuses(signedIn.call("post", "/api/v1/quotes", { body: { ...wish, starts_at: "tomorrow" } }), 422);
    });
  });
}
