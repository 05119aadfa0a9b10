import { Failure } from "../../failure.ts";
import type { Decision, Settled } from "../../table/decision.ts";
import type { Config } from "../../target/answers.ts";
import { capture } from "../../target/run_program.ts";
import type { Target } from "../../target/target.ts";
import { expandTokens, type Tokens } from "../../target/tokens.ts";
import { unsupported } from "../../target/unsupported.ts";
import { type KnownHost, parseKnownHosts } from "./known_hosts.ts";

/** What a message calls it, in the place of a file. */
const NAME = "KnownHostsCommand";

/** What is done with it needs no key of the server's: these tokens would. */
const OF_A_KEY = /%[tfK]/;

/**
 * KnownHostsCommand of ssh_config(5) as words, tokens expanded. It is run once, as ssh(1) does it before the server
 * has shown a key (%I is then ORDER). Throws a Failure for one that wants to see the key, and for what ssh(1) would
 * not run.
 */
export function knownHostsCommand(
  decision: Decision,
  config: Config,
  tokens: Tokens,
  hostKeyName: string,
): Settled<readonly string[] | undefined> {
  const { value, from } = config.one("knownhostscommand", "none");
  if (value.toLowerCase() === "none") return { value: undefined, from };
  const words = wordsOf(value);
  if (words === undefined || OF_A_KEY.test(value)) throw unsupported(decision, NAME, value);
  const more = { ...tokens, H: hostKeyName, I: "ORDER" };
  const [program = "", ...rest] = words;
  if (!program.startsWith("/")) throw unsupported(decision, NAME, value);
  return { value: [program, ...rest.map((word) => expandTokens(word, more, decision.server))], from };
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

/** The keys that the command prints. Throws a Failure when it fails, as ssh(1) ends then; or the signal's reason. */
export async function askKnownHosts(
  { server, knownHostsCommand }: Target,
  signal: AbortSignal,
): Promise<readonly KnownHost[]> {
  const [program, ...words] = knownHostsCommand.value ?? [];
  if (program === undefined) return [];
  const ran = await capture(program, words, { signal }).catch((error: NodeJS.ErrnoException) => {
    signal.throwIfAborted();
    throw new Failure("table", server, `${NAME} "${program}" cannot be run (${error.code})`, {
      cause: error,
    });
  });
  if (ran?.status === 0) return parseKnownHosts(ran.stdout, NAME);
  const what = ran === undefined ? "is not there" : `ended with ${ran.status}`;
  const said = ran?.stderr[0] === undefined ? "" : `: "${ran.stderr[0]}"`;
  throw new Failure("table", server, `${NAME} "${program}" ${what}${said}`);
}
