/** Speaks HTTP for the app: headers, tokens, patience. Which calls a screen makes is the screen's affair. */

import { ApiProblem, SignedOut, Unreachable, isOurs, problemOf } from "./problem.js";
import type { paths } from "./schema.js";
import { MemoryStore, Session, isOver, type TokenStore, type Tokens } from "./session.js";
import type { Answer, Body, Method, PathOf, Place, Query } from "./types.js";

export interface Options {
  /** As in `https://api.example.sa`. */
  readonly server: string;
  /** `ios/2.3.1+431` */
  readonly client: string;
  readonly installationId: string;
  /** The language on the screen, asked anew for each request. */
  readonly language: () => string;
  readonly store?: TokenStore;
  readonly onSignedOut?: () => void;
  readonly timeoutMs?: number;
  /** Tries of one call, the first included. */
  readonly tries?: number;
  readonly fetch?: typeof fetch;
}

export interface Call<P extends keyof paths, M extends Method> {
  readonly place?: Place<P & string>;
  readonly query?: Query<P, M>;
  readonly body?: Body<P, M>;
  /** One per tap, kept by the caller until a final answer: a repeat with the same key changes nothing. */
  readonly key?: string;
}

interface Ready {
  readonly method: string;
  readonly url: URL;
  readonly body: string | null;
  readonly key: string | null;
}

const LONGEST_WAIT_SECONDS = 10;
const MAY_BE_REPEATED = new Set(["GET", "PUT", "DELETE"]);
const STALE = new Set(["token_expired", "token_invalid", "auth_required"]);
const WORTH_WAITING = new Set(["request_in_progress", "rate_limited", "unavailable"]);

export class MawidClient {
  private readonly session: Session;
  private readonly fetch: typeof fetch;
  private readonly tries: number;
  private readonly timeoutMs: number;

  constructor(private readonly options: Options) {
    this.fetch = options.fetch ?? fetch;
    this.tries = options.tries ?? 4;
    this.timeoutMs = options.timeoutMs ?? 15_000;
    this.session = new Session(
      options.store ?? new MemoryStore(),
      (refreshToken) => this.exchange(refreshToken),
      () => performance.now(),
      options.onSignedOut ?? (() => undefined),
    );
  }

  // Signing in -------------------------------------------------------------------------------------------------

  askForCode(phone: string, channel: "sms" | "whatsapp" = "sms") {
    return this.call("post", "/api/v1/auth/otp-requests", { body: { phone, channel } });
  }

  /** Repeating it with the same installation is safe for a minute, so a lost answer costs no second text. */
  async signIn(otpRequestId: string, code: string, platform: "ios" | "android" | "web") {
    const answer = await this.patiently(() =>
      this.call("post", "/api/v1/auth/otp-verifications", {
        body: {
          otp_request_id: otpRequestId,
          code,
          device: { installation_id: this.options.installationId, platform },
        },
      }),
    );
    await this.session.begin(this.tokens(answer));
    return answer;
  }

  async signOut(everywhere = false): Promise<void> {
    const refreshToken = await this.session.end();
    if (refreshToken === null) return;
    await this.patiently(() =>
      this.call("post", "/api/v1/auth/logout", { body: { refresh_token: refreshToken, everywhere } }),
    );
  }

  // Calling ----------------------------------------------------------------------------------------------------

  /**
   * One call, repeated while that is harmless. Throws ApiProblem when the server refused, Unreachable when nobody knows
   * whether it was done, SignedOut when the person has to sign in again.
   */
  async call<M extends Method, P extends PathOf<M>>(
    method: M,
    path: P,
    call: Call<P, M> = {},
  ): Promise<Answer<P, M>> {
    const ready = this.prepare(method, path as string, call);
    const harmless = MAY_BE_REPEATED.has(ready.method) || ready.key !== null;
    const send = () => this.signedIn(ready);
    const response = harmless ? await this.patiently(send) : await send();
    if (response.status === 204) return undefined as Answer<P, M>;
    return (await response.json()) as Answer<P, M>;
  }

  private prepare(method: string, path: string, call: { place?: object; query?: object; body?: unknown; key?: string }): Ready {
    const place = (call.place ?? {}) as Record<string, string>;
    const filled = path.replace(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(place[name] ?? ""));
    const url = new URL(filled, this.options.server);
    for (const [name, value] of Object.entries(call.query ?? {})) {
      if (value !== undefined && value !== null) url.searchParams.set(name, String(value));
    }
    const body = call.body === undefined ? null : JSON.stringify(call.body);
    return { method: method.toUpperCase(), url, body, key: call.key ?? null };
  }

  /** With the person's token; a token that the server calls stale is exchanged once, and the call repeated once. */
  private async signedIn(ready: Ready): Promise<Response> {
    const token = await this.session.accessToken();
    try {
      return await this.send(ready, token);
    } catch (error) {
      if (token === null) throw error;
      if (isOver(error)) return this.session.close(token, error);
      if (!(error instanceof ApiProblem) || error.status !== 401 || !STALE.has(error.code)) throw error;
      return this.send(ready, (await this.session.renew(token)).access);
    }
  }

  private async send(ready: Ready, token: string | null): Promise<Response> {
    const headers = new Headers({
      Accept: "application/json, application/problem+json",
      "Accept-Language": this.options.language(),
      "X-Client": this.options.client,
      "X-Installation-Id": this.options.installationId,
    });
    if (token !== null) headers.set("Authorization", `Bearer ${token}`);
    if (ready.key !== null) headers.set("Idempotency-Key", ready.key);
    if (ready.body !== null) headers.set("Content-Type", "application/json");
    let response: Response;
    try {
      response = await this.fetch(ready.url, {
        method: ready.method,
        headers,
        body: ready.body,
        signal: AbortSignal.timeout(this.timeoutMs),
        redirect: "error",
      });
      // Read to the end here, so that a line that breaks in the middle is a bad line and no broken JSON.
      const bytes = response.status === 204 ? null : await response.arrayBuffer();
      response = new Response(bytes, response);
    } catch (error) {
      throw new Unreachable(String(error));
    }
    if (!response.ok) throw await problemOf(response);
    if (response.status !== 204 && !isOurs(response, "application/json")) {
      throw new Unreachable(`${response.status}, and not from the server`);
    }
    return response;
  }

  /** Again after a bad line or when the server asks for patience; with growing pauses, and not for ever. */
  private async patiently<T>(act: () => Promise<T>): Promise<T> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await act();
      } catch (error) {
        const wait = this.pause(error, attempt);
        if (wait === null) throw error;
        await new Promise((resolve) => setTimeout(resolve, wait));
      }
    }
  }

  private pause(error: unknown, attempt: number): number | null {
    if (attempt >= this.tries || error instanceof SignedOut) return null;
    const backoff = 200 * 2 ** attempt * (0.5 + Math.random() / 2);
    if (error instanceof Unreachable) return backoff;
    if (!(error instanceof ApiProblem)) return null;
    if (error.status < 500 && !WORTH_WAITING.has(error.code)) return null;
    if (error.retryAfter === null) return backoff;
    return error.retryAfter <= LONGEST_WAIT_SECONDS ? error.retryAfter * 1000 : null;
  }

  /** The previous refresh token works for a minute more, so a lost answer is simply asked for again. */
  private exchange(refreshToken: string): Promise<Tokens> {
    const ready = this.prepare("post", "/api/v1/auth/token-refreshes", { body: { refresh_token: refreshToken } });
    return this.patiently(async () => {
      const response = await this.send(ready, null);
      return this.tokens((await response.json()) as Answer<"/api/v1/auth/token-refreshes", "post">);
    });
  }

  private tokens(answer: { access_token: string; refresh_token: string; access_expires_in_seconds: number }): Tokens {
    return {
      access: answer.access_token,
      refresh: answer.refresh_token,
      lifeSeconds: answer.access_expires_in_seconds,
      receivedAt: performance.now(),
    };
  }
}
