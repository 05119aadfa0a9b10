import type { Settled } from "../table/decision.ts";
import type { Answers } from "./answers.ts";
import type { PassOver } from "./paths.ts";
import { expandWord, type Meanings } from "./tokens.ts";

/** What a message calls it, in the place of a file. */
export const KNOWN_HOSTS_COMMAND = "KnownHostsCommand";

/** A key that the server has shown, as %t, %f and %K have it. */
export interface ShownKey {
  readonly type: string;
  readonly fingerprint: string;
  /** In base64. */
  readonly text: string;
}

/** A program that prints lines of known_hosts. */
export interface KnownHostsCommand {
  /** Its words before the server has shown a key. */
  readonly words: readonly string[];
  /** Its words once it has; undefined where they are the same. */
  readonly about?: (key: ShownKey) => readonly string[];
}

const NO_KEY: ShownKey = { type: "NONE", fingerprint: "NONE", text: "NONE" };

/** What a KnownHostsCommand is made of beside its words. */
interface CommandParts {
  readonly meanings: Meanings;
  readonly hostKeyName: string;
  readonly passOver: PassOver;
}

/**
 * KnownHostsCommand of ssh_config(5) as words, tokens expanded. ssh(1) runs it before the server has shown a key (%I is then
 * ORDER, and %t, %f and %K are NONE), and about that key (HOSTNAME). What ssh(1) would not run gives no keys, and is left
 * aside.
 */
export function knownHostsCommand(
  config: Answers,
  { meanings, hostKeyName, passOver }: CommandParts,
): Settled<KnownHostsCommand | undefined> {
  const { value, from } = config.one("knownhostscommand", "none");
  const none = { value: undefined, from };
  if (value.toLowerCase() === "none") return none;
  const words = wordsOf(value);
  const [program = "", ...rest] = words ?? [];
  if (words === undefined || !program.startsWith("/")) {
    const why =
      words === undefined ? "has a quote that is not closed" : "does not begin with an absolute path";
    passOver(KNOWN_HOSTS_COMMAND, `"${value}" ${why}`);
    return none;
  }
  const expanded = (I: string, { type, fingerprint, text }: ShownKey) => {
    const tokens = { ...meanings.tokens, H: hostKeyName, I, t: type, f: fingerprint, K: text };
    return [program, ...rest.map((word) => expandWord(word, { ...meanings, tokens }))];
  };
  const first = expanded("ORDER", NO_KEY);
  // Both would print the same.
  const differs = rest.some((word) => /%[ItfK]/.test(word.replaceAll("%%", "")));
  const about = (key: ShownKey) => expanded("HOSTNAME", key);
  return { value: { words: first, ...(differs && { about }) }, from };
}

/** The words of a line, with quotes as argv_split of OpenSSH's misc.c has them; undefined where one stays open. */
export function wordsOf(line: string): readonly string[] | undefined {
  const word = /(?:"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|\\.|[^\s"'\\])+/gs;
  const left = line.replace(word, "");
  if (/\S/.test(left)) return undefined;
  return (line.match(word) ?? []).map((one) =>
    one.replace(/"((?:\\.|[^"\\])*)"|'((?:\\.|[^'\\])*)'|\\(.)/gs, (_all, double, single, escaped) =>
      escaped === undefined ? (double ?? single).replace(/\\(["'\\])/g, "$1") : unescaped(escaped),
    ),
  );
}

/** Outside of quotes a backslash quotes a quote, a space or itself; otherwise it stands for itself. */
function unescaped(char: string): string {
  return /["'\\ ]/.test(char) ? char : `\\${char}`;
}
