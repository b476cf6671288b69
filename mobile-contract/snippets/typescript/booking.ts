import { ApiProblem, Unreachable, type MawidClient, type components } from "@mawid/client";

type Schemas = components["schemas"];
export type Booking = Schemas["BookingShape"];

/** What the person tapped, stored with its key until the answer is final: it survives a reload of the page. */
export interface Draft {
  readonly key: string;
  readonly body: Schemas["BookingBodyRequest"];
}

export function draft(body: Draft["body"]): Draft {
  return { key: crypto.randomUUID(), body };
}

export type Outcome =
  | { readonly kind: "booked"; readonly booking: Booking }
  /** `times`: back to the times. `quote`: a new quote, then the same button. `no`: the sentence is all there is. */
  | { readonly kind: "refused"; readonly next: "times" | "quote" | "no"; readonly detail: string }
  /** Nobody knows. The draft is kept, and tried again with the same key. */
  | { readonly kind: "unknown" };

const NEXT: ReadonlyMap<string, "times" | "quote"> = new Map([
  ["slot_unavailable", "times"],
  ["amount_changed", "quote"],
]);

export async function book(mawid: MawidClient, { key, body }: Draft): Promise<Outcome> {
  try {
    return { kind: "booked", booking: await mawid.call("post", "/api/v1/bookings", { body, key }) };
  } catch (error) {
    if (error instanceof Unreachable) return { kind: "unknown" };
    if (!(error instanceof ApiProblem)) throw error;
    if (error.status >= 500 || error.code === "request_in_progress") return { kind: "unknown" };
    return { kind: "refused", next: NEXT.get(error.code) ?? "no", detail: error.message };
  }
}

/** On 409 `version_conflict` the answer carries the booking as it is: show it, and let the person decide again. */
export async function cancel(mawid: MawidClient, { id, version }: Booking, key: string): Promise<Booking> {
  try {
    const place = { booking_id: id };
    return await mawid.call("post", "/api/v1/bookings/{booking_id}/cancel", { place, body: { version }, key });
  } catch (error) {
    if (error instanceof ApiProblem && error.code === "version_conflict") return error.current as Booking;
    throw error;
  }
}
