import { Failure } from "../failure.ts";
import { lines } from "../report/lines.ts";
import type { Connection } from "../ssh/connection.ts";
import { FOUND, imapdSearch } from "../table/imapd.ts";
import { type Output, outputOf } from "./output.ts";

/** authorized_keys of an account. */
export interface KeysFile {
  /** Its text; empty where there is none. */
  readonly text: string;
  /** Its cksum(1), or "none" where there is none, to know it by. */
  readonly sum: string;
}

type Server = Pick<Connection, "exec" | "target">;

/** Milliseconds that one of these commands may take. */
const LIMIT = 20_000;

/** What comes before authorized_keys, behind anything that a login shell says by itself. */
const MARK = "preauth-keys";

// Each within single quotes: no single quote, backslash, exclamation mark or newline in it, for csh and fish.
const READ = [
  "cd || exit; f=.ssh/authorized_keys",
  `if [ -e $f ] || [ -L $f ]; then n=$(wc -c <$f) && echo ${MARK} $n $(cksum <$f 2>/dev/null) && cat $f`,
  `else echo ${MARK} 0 none; fi`,
].join("; ");

/** The file, and the login shell's own words before it left out. Throws a Failure. */
export async function readKeys(server: Server, signal: AbortSignal): Promise<KeysFile> {
  const { stdout, stderr, exit } = await run(server, READ, "", signal);
  const text = stdout.toString("latin1");
  const [mark, size = "", sum = ""] = new RegExp(`^${MARK} (\\d+) (.*)\\n`, "m").exec(text) ?? [];
  if (mark === undefined || exit?.kind !== "status" || exit.status !== 0) {
    throw failure(server, "~/.ssh/authorized_keys cannot be read on the server", { stdout, stderr, exit });
  }
  const from = text.indexOf(mark) + mark.length;
  return { text: stdout.subarray(from, from + Number(size)).toString(), sum };
}

/** The words that start the server's imapd. Throws a Failure where there is none. */
export async function findImapd(server: Server, signal: AbortSignal): Promise<readonly string[]> {
  const remote = await server.exec(imapdSearch(), { signal });
  const found = await outputOf(remote, "", { ms: LIMIT, signal });
  const words = lines(found.stdout.toString())
    .filter((line) => line.startsWith(`${FOUND} `))
    .map((line) => line.slice(FOUND.length + 1));
  if (words.length === 0) throw failure(server, "no imapd", found);
  return words;
}

/**
 * Puts another text in the place of authorized_keys: whole, or not at all. A link stays one, the mode is kept, and so is a
 * copy. Throws a Failure where the file cannot be written, or is no more what it was.
 */
export async function writeKeys(
  server: Server,
  before: KeysFile,
  after: string,
  signal: AbortSignal,
): Promise<void> {
  const size = Buffer.byteLength(after);
  const script = [
    "umask 077; cd && mkdir -p .ssh && cd .ssh || exit 1; f=authorized_keys",
    "if [ -L $f ]; then f=$(readlink -f $f) || exit 1; fi",
    'd="$f.$$.new"; c="$f.$$.copy"; give_up() { rm -f "$d" "$c"; exit 1; }; trap give_up HUP INT TERM',
    'if [ -e "$f" ]; then sum=$(cksum <"$f" 2>/dev/null); else sum=none; fi',
    `[ "$sum" = "${before.sum}" ] || { echo it has changed meanwhile >&2; exit 1; }`,
    'if [ -e "$f" ]; then cp -p "$f" "$d" && cp -p "$f" "$c" || give_up; fi',
    'cat >"$d" || give_up',
    `[ $(wc -c <"$d") -eq ${size} ] || { echo not all of it has come >&2; give_up; }`,
    'if [ -e "$c" ]; then mv -f "$c" "$f.before-preauth" || give_up; fi',
    'mv -f "$d" "$f" || give_up',
  ].join("; ");
  const { exit, ...said } = await run(server, script, after, signal);
  if (exit?.kind === "status" && exit.status === 0) return;
  throw failure(server, "~/.ssh/authorized_keys cannot be written on the server, and is as it was", {
    exit,
    ...said,
  });
}

async function run(server: Server, script: string, input: string, signal: AbortSignal): Promise<Output> {
  const remote = await server.exec(`exec /bin/sh -c '${script}'`, { signal });
  return outputOf(remote, input, { ms: LIMIT, signal });
}

/** With the last that was said about it. */
function failure({ target }: Server, what: string, { stderr, stdout }: Output): Failure {
  const reason = lines(stderr).at(-1) ?? lines(stdout.toString()).at(-1);
  return new Failure("command", target.server, reason === undefined ? what : `${what}: "${reason}"`);
}
