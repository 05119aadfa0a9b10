/** The longest delay a timer of Node's takes: setTimeout() turns anything above it into 1 ms. */
const LONGEST = 2 ** 31 - 1;

const UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 };

/**
 * A TIME of the table or of an option: digits and one of ms, s, m, h, as in "500ms" or "10s". Returns
 * milliseconds, or undefined when it is not one or is longer than a timer can wait (about 24 days).
 */
export function parseTime(text: string): number | undefined {
  const [, digits, unit] = /^([0-9]+)(ms|s|m|h)$/.exec(text) ?? [];
  if (digits === undefined || unit === undefined) return undefined;
  const time = Number(digits) * (UNITS[unit] ?? Number.NaN);
  return time <= LONGEST ? time : undefined;
}
