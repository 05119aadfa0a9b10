import { Failure } from "../failure.ts";
import { isPlain } from "../table/values.ts";
import { byteLength } from "../utf8.ts";

/** What mail programs say behind the words of a call for a sendmail. */
export interface SendmailWords {
  /** The envelope's sender, of `-f`; empty for the null sender. */
  readonly sender?: string;
  /** Addresses, which are nothing but a check that the message names them. */
  readonly recipients: readonly string[];
}

/** More than a letter of a mail program has; lists are expanded behind it. */
const MOST_RECIPIENTS = 1000;

/** Bytes of an address: 64 and 255 with an "@" between them (RFC 5321 section 4.5.3.1). */
const LONGEST_ADDRESS = 320;

/**
 * Options of sendmail(8) that mail programs give and that say nothing which the table would not: how the message ends
 * (-i), where recipients stand (-t), that it is to be delivered (-bm), "me too" (-m), no aliases (-n), what is told of it
 * (-v), how errors are told (-e), that a person has written it (-U), and whose configuration counts (-Ac, -Am). Postfix
 * ignores most of them, too.
 */
const IDLE = /^-(?:[imntv]+|bm|e[empqw]|A[cm]|[GU])$/;

/**
 * The same with a value, in the same word or the next: settings (-o and -O), the body's type (-B), the full name (-F), what
 * the sender wants to hear back (-N, -R, -V), how far it has come (-h), by what protocol (-p), and its mark in the log (-L).
 */
const IDLE_WITH_VALUE = /^-([oOBFNRVhpL])(.*)$/s;

/** A recipient on the machine of the sendmail, as cron names one. */
const LOCAL = /^[A-Za-z0-9_][A-Za-z0-9._+-]*$/;

/** `-f`, or `-r` as some call it. */
const SENDER = /^-[fr](.*)$/s;

/**
 * A sender is the one word of a call that goes to a shell on the server, in single quotes: letters, digits, and what all
 * login shells leave alone inside of them. It cannot be taken for an option.
 */
const SAFE_SENDER = /^[A-Za-z0-9_][A-Za-z0-9._+=%~/#-]*(?:@[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?)?$/;

/** Reads the words behind METHOD sendmail. Throws a Failure "usage". */
export function sendmailWords(words: readonly string[]): SendmailWords {
  const rest = [...words];
  // Alpine's {work/user="jane sendmail"} ends in "imap", which is no recipient.
  const isAlpines = words.at(-1) === "imap";
  const recipients: string[] = [];
  let sender: string | undefined;
  for (let word = rest.shift(); word !== undefined; word = rest.shift()) {
    if (word === "--") {
      recipients.push(...checkedRecipients(rest));
      break;
    }
    const [isSender, named] = SENDER.exec(word) ?? [];
    const [withValue, , value] = IDLE_WITH_VALUE.exec(word) ?? [];
    if (isSender !== undefined) sender = checkedSender(named === "" ? rest.shift() : named);
    else if (IDLE.test(word)) continue;
    else if (withValue !== undefined) valueBehind(word, value === "" ? rest.shift() : value);
    else if (word.startsWith("-"))
      throw usage(`"${word}" is not a word that mail programs give to a sendmail`);
    else if (isAlpines || !(word.includes("@") || LOCAL.test(word))) {
      throw usage(`one word too many: "${word}"`);
    } else recipients.push(word);
  }
  if (recipients.length > 0) checkedRecipients(recipients);
  return { recipients, ...(sender !== undefined && { sender }) };
}

/** Addresses of recipients. None at all is a list that its caller has lost. Throws a Failure "usage". */
export function checkedRecipients(words: readonly string[]): readonly string[] {
  if (words.length === 0) throw usage('no address behind "--"');
  if (words.length > MOST_RECIPIENTS) throw usage(`more than ${MOST_RECIPIENTS} addresses behind "--"`);
  for (const word of words) {
    if (!isPlain(word) || byteLength(word) > LONGEST_ADDRESS) throw usage(`"${word}" is not an address`);
  }
  return words;
}

/** The line of the table with the sender behind it, unless the line has a sender of its own. */
export function withSender(line: string, sender: string): string {
  return /\s-[fr]/.test(line) ? line : `${line} -f '${sender === "" ? "<>" : sender}'`;
}

function checkedSender(word: string | undefined): string {
  const address = valueBehind("-f", word).replace(/^<(.*)>$/s, "$1");
  if (address === "") return "";
  if (!SAFE_SENDER.test(address) || address.length > LONGEST_ADDRESS) {
    throw usage(`"${address}" is not a sender of letters, digits and "._+=%~/#-@"`);
  }
  return address;
}

function valueBehind(option: string, word: string | undefined): string {
  if (word === undefined) throw usage(`nothing behind "${option}"`);
  return word;
}

function usage(what: string): Failure {
  return new Failure("usage", "usage", what);
}
