import { span } from "./characters.ts";

/** The longest delay a timer of Node's takes: setTimeout() turns anything above it into 1 ms. */
const LONGEST = 2 ** 31 - 1;

const UNITS: ReadonlyMap<string, number> = new Map([
  ["ms", 1],
  ["s", 1_000],
  ["m", 60_000],
  ["h", 3_600_000],
]);

/**
 * A TIME of the table or of an option: digits and one of ms, s, m, h, as in "500ms" or "10s". Returns
 * milliseconds, or undefined when it is not one or is longer than a timer can wait (about 24 days).
 */
export function parseTime(text: string): number | undefined {
  const digits = span(text, "0123456789");
  const unit = UNITS.get(text.slice(digits));
  if (digits === 0 || unit === undefined) return undefined;
  const time = Number(text.slice(0, digits)) * unit;
  return time <= LONGEST ? time : undefined;
}
