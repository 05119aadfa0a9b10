import type { Decision, Settled } from "../table/decision.ts";
import type { Answers } from "./answers.ts";
import type { PassOver } from "./paths.ts";
import { expandWord, type Meanings } from "./tokens.ts";
import { unsupported } from "./unsupported.ts";

/** What a message calls it, in the place of a file. */
export const KNOWN_HOSTS_COMMAND = "KnownHostsCommand";

/** What is done with it needs no key of the server's: these tokens would. */
const OF_A_KEY = /%[tfK]/;

/** What a KnownHostsCommand is made of beside its words. */
interface CommandParts {
  readonly meanings: Meanings;
  readonly hostKeyName: string;
  readonly passOver: PassOver;
}

/**
 * KnownHostsCommand of ssh_config(5) as words, tokens expanded. It is run once, as ssh(1) does it before the server
 * has shown a key (%I is then ORDER). What ssh(1) would not run gives no keys, and is left aside. Throws a Failure for
 * one that wants to see the key.
 */
export function knownHostsCommand(
  decision: Decision,
  config: Answers,
  { meanings, hostKeyName, passOver }: CommandParts,
): Settled<readonly string[] | undefined> {
  const { value, from } = config.one("knownhostscommand", "none");
  const none = { value: undefined, from };
  if (value.toLowerCase() === "none") return none;
  if (OF_A_KEY.test(value)) throw unsupported(decision, KNOWN_HOSTS_COMMAND, value);
  const words = wordsOf(value);
  const [program = "", ...rest] = words ?? [];
  if (words === undefined || !program.startsWith("/")) {
    const why =
      words === undefined ? "has a quote that is not closed" : "does not begin with an absolute path";
    passOver(KNOWN_HOSTS_COMMAND, `"${value}" ${why}`);
    return none;
  }
  const tokens = { ...meanings.tokens, H: hostKeyName, I: "ORDER" };
  return { value: [program, ...rest.map((word) => expandWord(word, { ...meanings, tokens }))], from };
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
