import { Failure } from "../failure.ts";
import { isHostname, isMethod, isUser } from "../table/names.ts";
import { checkedRecipients, sendmailWords } from "./sendmail_words.ts";

/** A mail client's call: SERVER USER METHOD, in one of its two forms. */
export interface MailCall {
  readonly kind: "mail";
  readonly server: string;
  readonly user: string;
  readonly method: string;
  /** Addresses behind these: nothing but a check that the message names them. */
  readonly recipients: readonly string[];
  /** The envelope's sender for METHOD sendmail, safe in single quotes for any shell; empty for the null sender. */
  readonly sender?: string;
}

/** Everything else: a verb (without its dashes) and the words after it, not yet looked at. */
export interface VerbCall {
  readonly kind: "verb";
  readonly verb: string;
  readonly words: readonly string[];
}

/** The options of ssh(1) that mail clients are told to give it, and that change nothing here. */
const IDLE_OPTIONS: ReadonlySet<string> = new Set(["-q", "-a", "-x", "-T"]);

/** What Emacs says to a sendmail before all that it was told to say. */
const IN_FRONT = "-oi";

/**
 * Reads the words of a call. A first word with two dashes is a verb; a mail call is either `SERVER USER METHOD`, perhaps
 * with what mail programs add for a sendmail, or what rsh(1) is given by Alpine's default rsh-command, `SERVER -l USER
 * exec /etc/rMETHODd` (imap/src/osdep/unix/tcp_unix.c). Throws a Failure "usage".
 */
export function parseCall(words: readonly string[]): MailCall | VerbCall {
  const [first, ...rest] = words[0] === IN_FRONT && words[3] === "sendmail" ? words.slice(1) : words;
  if (first === undefined) throw new Failure("usage", "usage", "SERVER, USER and METHOD are missing");
  if (first.startsWith("--")) return { kind: "verb", verb: first.slice(2), words: rest };
  const server = checkedServer(first);
  if (rest[0]?.startsWith("-")) {
    const [user, method] = rshWords(rest);
    return { kind: "mail", server, user: checkedUser(user), method: checkedMethod(method), recipients: [] };
  }
  const [user, method, ...more] = rest;
  if (user === undefined || method === undefined) {
    throw new Failure(
      "usage",
      "usage",
      `${user === undefined ? "USER and METHOD are" : "METHOD is"} missing`,
    );
  }
  return {
    ...{ kind: "mail", server, user: checkedUser(user), method: checkedMethod(method) },
    ...(method === "sendmail" ? sendmailWords(more) : { recipients: recipientsIn(more, method) }),
  };
}

/** What may stand behind another METHOD than sendmail: nothing, or `-- ADDRESS...`. */
function recipientsIn([first, ...more]: readonly string[], method: string): readonly string[] {
  if (first === undefined) return [];
  if (first === "--" && method !== "imap") return checkedRecipients(more);
  throw new Failure("usage", "usage", `one word too many: "${first}"`);
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
