import { Failure } from "../failure.ts";
import { isHostname, isMethod, isUser } from "../table/names.ts";
import { isPlain } from "../table/values.ts";
import { byteLength } from "../utf8.ts";

/** A mail client's call: SERVER USER METHOD, in one of its two forms. */
export interface MailCall {
  readonly kind: "mail";
  readonly server: string;
  readonly user: string;
  readonly method: string;
  /** The addresses behind `--`: nothing but a check that the message names them. */
  readonly recipients: readonly string[];
}

/** Everything else: a verb (without its dashes) and the words after it, not yet looked at. */
export interface VerbCall {
  readonly kind: "verb";
  readonly verb: string;
  readonly words: readonly string[];
}

/** The options of ssh(1) that mail clients are told to give it, and that change nothing here. */
const IDLE_OPTIONS: ReadonlySet<string> = new Set(["-q", "-a", "-x", "-T"]);

/** More than a letter of a mail program has; lists are expanded behind it. */
const MOST_RECIPIENTS = 1000;

/** Bytes of an address: 64 and 255 with an "@" between them (RFC 5321 section 4.5.3.1). */
const LONGEST_RECIPIENT = 320;

/**
 * Reads the words of a call. A first word with two dashes is a verb; a mail call is either `SERVER USER METHOD [--
 * ADDRESS...]` or what rsh(1) is given by Alpine's default rsh-command, `SERVER -l USER exec /etc/rMETHODd`
 * (imap/src/osdep/unix/tcp_unix.c). Throws a Failure "usage".
 */
export function parseCall(words: readonly string[]): MailCall | VerbCall {
  const [first, ...rest] = words;
  if (first === undefined) throw new Failure("usage", "usage", "SERVER, USER and METHOD are missing");
  if (first.startsWith("--")) return { kind: "verb", verb: first.slice(2), words: rest };
  const server = checkedServer(first);
  const [user, method, recipients = []] = rest[0]?.startsWith("-") ? rshWords(rest) : plainWords(rest);
  return { kind: "mail", server, user: checkedUser(user), method: checkedMethod(method), recipients };
}

function plainWords(
  words: readonly string[],
): [user: string, method: string, recipients?: readonly string[]] {
  const [user, method, surplus, ...more] = words;
  if (user === undefined || method === undefined) {
    throw new Failure(
      "usage",
      "usage",
      user === undefined ? "USER and METHOD are missing" : "METHOD is missing",
    );
  }
  if (surplus === undefined) return [user, method];
  if (surplus === "--" && method !== "imap") return [user, method, checkedRecipients(more)];
  throw new Failure("usage", "usage", `one word too many: "${surplus}"`);
}

/**
 * The words behind `--`, where mutt and whoever else calls a sendmail names the recipients. None at all is a list that
 * its caller has lost.
 */
function checkedRecipients(words: readonly string[]): readonly string[] {
  if (words.length === 0) throw new Failure("usage", "usage", 'no address behind "--"');
  if (words.length > MOST_RECIPIENTS) {
    throw new Failure("usage", "usage", `more than ${MOST_RECIPIENTS} addresses behind "--"`);
  }
  for (const word of words) {
    if (!isPlain(word) || byteLength(word) > LONGEST_RECIPIENT) {
      throw new Failure("usage", "usage", `"${word}" is not an address`);
    }
  }
  return words;
}

/** `[-q -a -x -T] -l USER [exec] /etc/rMETHODd`, to the letter: nothing of it is left for anyone to interpret. */
function rshWords(words: readonly string[]): [user: string, method: string] {
  const start = words.findIndex((word) => !IDLE_OPTIONS.has(word));
  const [option, user, ...command] = start < 0 ? [] : words.slice(start);
  if (option !== "-l") throw new Failure("usage", "usage", `"${option ?? ""}" is not -l USER`);
  if (user === undefined) throw new Failure("usage", "usage", "USER is missing after -l");
  const [program, ...surplus] = command[0] === "exec" ? command.slice(1) : command;
  const method = /^\/etc\/r(.+)d$/.exec(program ?? "")?.[1];
  if (method === undefined || surplus.length > 0) {
    throw new Failure("usage", "usage", `"${command.join(" ")}" is not exec /etc/rMETHODd`);
  }
  return [user, method];
}

/** SERVER, when ssh(1) would take it. Throws a Failure "usage". */
export function checkedServer(word: string): string {
  if (!isHostname(word)) throw new Failure("usage", "SERVER", `"${word}" is not a host name`);
  return word;
}

/** USER, when ssh(1) would take it. Throws a Failure "usage". */
export function checkedUser(word: string): string {
  if (!isUser(word)) throw new Failure("usage", "USER", `"${word}" is not a user name`);
  return word;
}

/** METHOD, when it is one. Throws a Failure "usage". */
export function checkedMethod(word: string): string {
  if (!isMethod(word)) throw new Failure("usage", "METHOD", `"${word}" is not a method such as imap`);
  return word;
}
