/** What went wrong, in the three ways that matter to a screen. */

export interface FieldError {
  /** JSON Pointer into the body, or null when a query value is wrong. */
  readonly pointer: string | null;
  readonly parameter: string | null;
  readonly code: string;
  readonly detail: string;
}

/** The server refused, in words for people. Branch on `code`, show `message`, log `requestId`. */
export class ApiProblem extends Error {
  override readonly name = "ApiProblem";

  constructor(
    readonly status: number,
    readonly code: string,
    detail: string,
    readonly requestId: string,
    readonly errors: readonly FieldError[],
    /** Seconds. */
    readonly retryAfter: number | null,
    /** The resource as it is now, after a conflict of versions. */
    readonly current: unknown,
  ) {
    super(detail);
  }
}

/** No answer, or none of ours: a bad line, a time-out, the page of a captive portal. Whether it was done is unknown. */
export class Unreachable extends Error {
  override readonly name = "Unreachable";
}

/** Nobody is signed in any more: only the three codes that end a sign-in lead here. */
export class SignedOut extends Error {
  override readonly name = "SignedOut";
}

interface WireProblem {
  status: number;
  code: string;
  detail: string;
  request_id: string;
  errors?: FieldError[];
  retry_after?: number;
  current?: unknown;
}

/** The problem in an answer. Throws Unreachable when the answer is not the server's own. */
export async function problemOf(response: Response): Promise<ApiProblem> {
  if (!isOurs(response, "application/problem+json")) {
    throw new Unreachable(`${response.status}, and not from the server`);
  }
  const wire = (await response.json()) as WireProblem;
  return new ApiProblem(
    wire.status,
    wire.code,
    wire.detail,
    wire.request_id,
    wire.errors ?? [],
    wire.retry_after ?? null,
    wire.current ?? null,
  );
}

export function isOurs(response: Response, type: string): boolean {
  return (response.headers.get("Content-Type") ?? "").startsWith(type);
}
