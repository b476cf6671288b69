/** Who is signed in. One refresh at a time, and a bad line signs nobody out. */

import { ApiProblem, SignedOut, Unreachable } from "./problem.js";

export interface Tokens {
  readonly access: string;
  readonly refresh: string;
  /** How long the access token lives from `receivedAt`. */
  readonly lifeSeconds: number;
  /** By a clock that does not jump (`performance.now()`); meaningless after a restart, and then counts as old. */
  readonly receivedAt: number;
}

/** Keychain, Keystore, or whatever keeps a secret on this platform. */
export interface TokenStore {
  load(): Promise<Tokens | null>;
  save(tokens: Tokens | null): Promise<void>;
}

export class MemoryStore implements TokenStore {
  private tokens: Tokens | null = null;

  async load(): Promise<Tokens | null> {
    return this.tokens;
  }

  async save(tokens: Tokens | null): Promise<void> {
    this.tokens = tokens;
  }
}

/** Exchanges a refresh token for a new pair, once, without trying again. */
export type Exchange = (refreshToken: string) => Promise<Tokens>;

const OVER = new Set(["session_expired", "session_revoked", "refresh_reused"]);

/** Whether the server says that the sign-in is over. Nothing else may sign a person out. */
export function isOver(error: unknown): error is ApiProblem {
  return error instanceof ApiProblem && error.status === 401 && OVER.has(error.code);
}

const OLD_AFTER = 0.8;

export class Session {
  private refreshing: Promise<Tokens> | null = null;
  private closed: string | null = null;

  constructor(
    private readonly store: TokenStore,
    private readonly exchange: Exchange,
    private readonly now: () => number,
    private readonly onSignedOut: () => void,
  ) {}

  begin(tokens: Tokens): Promise<void> {
    return this.store.save(tokens);
  }

  async end(): Promise<string | null> {
    const tokens = await this.store.load();
    await this.store.save(null);
    return tokens?.refresh ?? null;
  }

  /** A token worth sending, or null for a stranger. One near its end is exchanged first, if the line allows. */
  async accessToken(): Promise<string | null> {
    const tokens = await this.store.load();
    if (tokens === null) return null;
    const age = (this.now() - tokens.receivedAt) / 1000;
    if (age >= 0 && age < tokens.lifeSeconds * OLD_AFTER) return tokens.access;
    try {
      return (await this.renew(tokens.access)).access;
    } catch (error) {
      if (error instanceof SignedOut) throw error;
      return tokens.access; // it may still be good; the server will say
    }
  }

  /** Tokens newer than the `refused` one. Whoever asks meanwhile shares the same exchange. */
  async renew(refused: string): Promise<Tokens> {
    const tokens = await this.store.load();
    if (tokens === null) throw new SignedOut("nobody is signed in");
    if (tokens.access !== refused) return tokens;
    this.refreshing ??= this.refresh(tokens).finally(() => {
      this.refreshing = null;
    });
    return this.refreshing;
  }

  /** The sign-in that had this access token is over. The app is told once, however many calls find out. */
  async close(access: string, why: ApiProblem): Promise<never> {
    if (this.closed !== access) {
      this.closed = access;
      await this.store.save(null);
      this.onSignedOut();
    }
    throw new SignedOut(why.message);
  }

  private async refresh(tokens: Tokens): Promise<Tokens> {
    try {
      const fresh = await this.exchange(tokens.refresh);
      if ((await this.store.load()) === null) throw new SignedOut("signed out meanwhile");
      await this.store.save(fresh);
      return fresh;
    } catch (error) {
      if (isOver(error)) return this.close(tokens.access, error);
      if (error instanceof ApiProblem) throw new Unreachable(`no new token: ${error.code}`);
      throw error;
    }
  }
}
