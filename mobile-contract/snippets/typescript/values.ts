import type { components } from "@mawid/client";

export type Money = components["schemas"]["MoneyShape"];

/** `2026-11-20`, the day in the salon's zone (`timezone` of the answer); Gregorian, in the digits of the wire. */
export function day(moment: Date, zone: string): string {
  const format = new Intl.DateTimeFormat("en-u-ca-gregory-nu-latn", {
    timeZone: zone,
    year: "numeric",
    month: "2-digit",
    day: "2-digit",
  });
  const parts = Object.fromEntries(format.formatToParts(moment).map((part) => [part.type, part.value]));
  return `${parts["year"]}-${parts["month"]}-${parts["day"]}`;
}

/** Whole seconds; the server takes any offset. A slot's `starts_at` goes back as it came. */
export function onTheWire(moment: Date): string {
  return `${moment.toISOString().slice(0, 19)}Z`;
}

/** For people: the salon's clock, whatever zone the browser is in. The offset of the text is the salon's. */
export function clock(moment: string, language: string): string {
  const hands = new Date(`${moment.slice(0, 19)}Z`);
  return new Intl.DateTimeFormat(language, { timeZone: "UTC", hour: "numeric", minute: "2-digit" }).format(hands);
}

const COLOURS = new Map([
  ["held", "amber"],
  ["requested", "amber"],
  ["confirmed", "green"],
]);

/** An open list: a state born after this page shows `state_label` in no special colour. */
export function colour(state: string): string {
  return COLOURS.get(state) ?? "grey";
}
