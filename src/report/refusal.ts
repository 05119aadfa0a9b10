import type { Failure } from "../failure.ts";
import type { OnFailure } from "../table/table.ts";
import { asciiLine } from "./printable.ts";

/** Bytes of the reason: Alpine shows one line, and a response must stay below its 1,023 bytes. */
const MAX_REASON = 400;

/** Bytes of a tag that is given back. c-client's are 8 long; a longer one is no client's. */
const MAX_TAG = 64;

/** How long the client's first command is waited for. */
const COMMAND_WAIT_MS = 60_000;

/** The client of a refusal: the same object that a session would have used. */
export interface RefusedClient {
  /** Writes, or does nothing when the client is gone. */
  say(text: string): void;
  /** The first line it sends, without its end; undefined at the end of its input, or after `ms`. */
  firstLine(ms: number): Promise<string | undefined>;
}

/**
 * Tells an IMAP client that it cannot have the mailbox, in the one form that each `on_failure` needs.
 *
 * "refuse" greets with PREAUTH and answers the first command with BYE and NO: Alpine shows the reason and does
 * not connect to port 143 by itself, where it would ask for the password or send it in the clear. "tell" is an
 * untagged NO, shown before the client connects directly (c-client's imap_open). No other untagged keyword may ever
 * go out: c-client aborts the whole program on one that it does not know.
 */
export async function refuse(client: RefusedClient, how: OnFailure, failure: Failure): Promise<void> {
  const reason = reasonIn(failure);
  switch (how) {
    case "silent":
      return;
    case "tell":
      client.say(`* NO preauth: ${reason}\r\n`);
      return;
    case "refuse": {
      client.say("* PREAUTH [CAPABILITY IMAP4rev1] preauth\r\n");
      const command = await client.firstLine(COMMAND_WAIT_MS);
      if (command !== undefined)
        client.say(`* BYE preauth: ${reason}\r\n${tagOf(command)} NO preauth: ${reason}\r\n`);
    }
  }
}

/** What a connection to a forward is told in place of a greeting, where there is none to be had. */
export function unavailable(method: string, failure: Failure): string {
  switch (method) {
    case "imap":
      return `* BYE preauth: ${reasonIn(failure)}\r\n`;
    case "smtp":
      // RFC 5321 section 3.8: what a server says that has to leave at once.
      return `421 preauth: ${reasonIn(failure)}\r\n`;
    default:
      return "";
  }
}

function reasonIn({ subject, what }: Failure): string {
  return asciiLine(`${subject}: ${what}`, MAX_REASON);
}

/** The tag of a command (RFC 3501 section 9): its first word, or `*` where that could not be given back as one. */
function tagOf(command: string): string {
  const tag = command.split(" ", 1)[0] ?? "";
  return /^[!#$&',-[\]-z|}~]+$/.test(tag) && tag.length <= MAX_TAG ? tag : "*";
}
