import type { TomlPath } from "./table.ts";

/** One thing that is wrong in a table, by its path in the document: its place is looked up only to tell it. */
export interface Problem {
  readonly path: TomlPath;
  /** Whether the key is wrong or its value. */
  readonly part: "key" | "value";
  /** What is wrong; completed by `, not TEXT` where `value` is given. */
  readonly what: string;
  /** The value that is not as it should be. */
  readonly value?: unknown;
}

/** The longest text that a message quotes. */
const LONGEST = 80;

/** Text in quotes, on one line: in those of TOML's literal strings where double quotes would need escapes. */
export function quoted(text: string): string {
  const cut = text.length > LONGEST ? `${text.slice(0, LONGEST)}...` : text;
  return /^[^'\x00-\x1f\x7f]*"[^'\x00-\x1f\x7f]*$/.test(cut) ? `'${cut}'` : JSON.stringify(cut);
}

/** A parsed value as a message shows it when its source text is not to be had. */
export function shown(value: unknown): string {
  if (typeof value === "string") return quoted(value);
  if (typeof value === "bigint" || typeof value === "number" || typeof value === "boolean")
    return String(value);
  if (value instanceof Date) return "a date";
  return Array.isArray(value) ? "an array" : "a table";
}

/**
 * The problem of a key that is not known: `where` is what holds it, as in "[[host]]". A known key that
 * differs by a slip of the finger is named.
 */
export function unknownKey(path: TomlPath, where: string, known: readonly string[]): Problem {
  const key = String(path.at(-1));
  const near = known.find((name) => isNear(key.toLowerCase().replaceAll("-", "_"), name));
  const guess = near === undefined ? "" : `; did you mean ${quoted(near)}?`;
  return { path, part: "key", what: `${quoted(key)} is not a key of ${where}${guess}` };
}

/** Whether one letter more, less, other, or two swapped, make one word of the other. */
function isNear(one: string, other: string): boolean {
  let start = 0;
  while (start < one.length && one[start] === other[start]) start++;
  let end = 0;
  const shorter = Math.min(one.length, other.length) - start;
  while (end < shorter && one.at(-1 - end) === other.at(-1 - end)) end++;
  const left = one.slice(start, one.length - end);
  const right = other.slice(start, other.length - end);
  const swapped = left.length === 2 && left === [...right].reverse().join("");
  return swapped || (left.length <= 1 && right.length <= 1);
}
