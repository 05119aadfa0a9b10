import { decide } from "./decide.ts";
import type { Decision } from "./decision.ts";
import { rangesOf } from "./positions.ts";
import { parseTable } from "./schema.ts";

/** Keys of a [[host]] behind which another one can stand: none of them is ever a table of its own. */
const KEYS = ["match", "server", "user", "port"] as const;

/**
 * The text of a table in which the [[host]] of a decision names one key for its logins; all else stays to the byte.
 * Undefined where that cannot be written there, as within an inline table.
 */
export async function withIdentity(
  text: string,
  file: string,
  decision: Decision,
  path: string,
): Promise<string | undefined> {
  const { server, method, host } = decision;
  const after = edited(text, host, JSON.stringify(path));
  if (after === undefined) return undefined;
  try {
    const made = await decide(await parseTable(after, file), { server, method });
    const isIt = made?.host === host && made.identity?.value.length === 1 && made.identity.value[0] === path;
    return isIt ? after : undefined;
  } catch {
    return undefined;
  }
}

function edited(text: string, host: number, value: string): string | undefined {
  const rangeOf = rangesOf(text);
  const own = rangeOf(["host", host, "identity"], "value");
  if (own !== undefined) return text.slice(0, own.start) + value + text.slice(own.end);
  const ends = KEYS.map((key) => rangeOf(["host", host, key], "statement")?.end ?? -1);
  const last = Math.max(...ends);
  if (last < 0) return undefined;
  const start = text.lastIndexOf("\n", last - 1) + 1;
  const [indent = ""] = /^[ \t]*/.exec(text.slice(start)) ?? [];
  const eol = text.includes("\r\n") ? "\r\n" : "\n";
  const next = text.indexOf("\n", last) + 1;
  const line = `${indent}identity = ${value}`;
  if (next === 0) return `${text}${eol}${line}${eol}`;
  return `${text.slice(0, next)}${line}${eol}${text.slice(next)}`;
}
