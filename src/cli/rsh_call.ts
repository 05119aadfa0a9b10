import { type MailCall, parseCall, type VerbCall } from "../call/words.ts";
import { Failure } from "../failure.ts";

/** c-client's own, where rsh-command is not set (tcp_aopen in tcp_unix.c). */
const USUAL_COMMAND = "%s %s -l %s exec /etc/r%sd";

/** Words that c-client makes of a command at most (MAXARGV). */
const MOST_WORDS = 20;

/** What a mail program calls for. */
export interface Wanted {
  readonly path: string;
  readonly server: string;
  readonly user: string;
}

/**
 * What is wrong with the call that Alpine makes of an rsh-command, in words that go after "rsh-command"; undefined where it
 * comes here as SERVER USER imap. Alpine puts path, host, user and service into it with sprintf(3), and splits it at
 * spaces, without a shell and without quotes.
 */
export function objectionTo(
  command: string = USUAL_COMMAND,
  { path, server, user }: Wanted,
): string | undefined {
  const holes = [...command.matchAll(/%(.)?/g)]
    .map(([, letter]) => letter)
    .filter((letter) => letter !== "%");
  const odd = holes.find((letter) => letter !== "s");
  if (holes.includes(undefined) || odd !== undefined) return `has "%${odd ?? ""}" in it`;
  const count = `must have four %s, not ${holes.length}`;
  if (holes.length > 4) return count;
  const values = [path, server, user, "imap"];
  const filled = command.replace(/%(.)/g, (_hole, letter: string) =>
    letter === "%" ? "%" : (values.shift() ?? ""),
  );
  const [program, ...words] = filled
    .split(" ")
    .filter((word) => word !== "")
    .slice(0, MOST_WORDS);
  if (program !== path) return `starts "${program ?? ""}", and not rsh-path`;
  const told = `makes the call "preauth ${words.join(" ")}"`;
  const call = parsed(words);
  if (call instanceof Failure && holes.length < 4) return count;
  if (call instanceof Failure) return `${told}, which is refused: ${call.subject}: ${call.what}`;
  if (call.kind === "verb") return `${told}, which is not a mail call`;
  const isSame = call.server === server && call.user === user && call.method === "imap";
  return isSame
    ? undefined
    : `${told}: SERVER "${call.server}", USER "${call.user}", METHOD "${call.method}"`;
}

function parsed(words: readonly string[]): MailCall | VerbCall | Failure {
  try {
    return parseCall(words);
  } catch (error) {
    if (error instanceof Failure) return error;
    throw error;
  }
}
