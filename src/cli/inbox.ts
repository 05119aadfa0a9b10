import { orAborted } from "../abort.ts";
import type { RemoteCommand } from "../ssh/channel/remote_command.ts";

/** What became of a first SELECT of INBOX: the server's answer, "OK [READ-WRITE] ...", and the messages it counts. */
export interface Selected {
  readonly isOk: boolean;
  /** Whether mail can be read there, and neither marked nor deleted (RFC 3501 section 6.3.1). */
  readonly isReadOnly: boolean;
  readonly answer: string;
  readonly messages: number | undefined;
  /** UIDVALIDITY, which changes when the mailbox is made anew. */
  readonly uidValidity: number | undefined;
}

/** Longest answer to a SELECT that is waited for, in characters. */
const MAX_ANSWER = 1024 * 1024;

/**
 * Selects INBOX as a mail client would first of all, and logs out (RFC 3501 sections 6.3.1 and 6.1.3). `already`
 * are bytes behind the greeting. Undefined when the server has ended instead. Rejects with the signal's reason.
 */
export async function selectInbox(
  remote: RemoteCommand,
  already: Buffer,
  signal: AbortSignal,
): Promise<Selected | undefined> {
  const answer = await taggedAnswer(remote, "a1 SELECT INBOX", already, signal);
  const [, status, text = ""] = /^a1 (\w+) ?([^\r\n]*)/m.exec(answer) ?? [];
  if (status === undefined) return undefined;
  const numberIn = (pattern: RegExp): number | undefined => {
    const digits = pattern.exec(answer)?.[1];
    return digits === undefined ? undefined : Number(digits);
  };
  remote.stdin.end("a2 LOGOUT\r\n");
  remote.stdout.resume();
  return {
    isOk: status.toUpperCase() === "OK",
    isReadOnly: /^\[READ-ONLY\]/i.test(text),
    answer: `${status} ${text}`.trim(),
    messages: numberIn(/^\* (\d+) EXISTS/im),
    uidValidity: numberIn(/\[UIDVALIDITY (\d+)\]/i),
  };
}

/** Sends a command and gives everything up to the end of its tagged answer, or up to the server's end. */
function taggedAnswer(
  remote: RemoteCommand,
  command: string,
  already: Buffer,
  signal: AbortSignal,
): Promise<string> {
  let take = (_chunk: Buffer): void => {};
  const answer = new Promise<string>((resolve) => {
    let text = already.toString("latin1");
    take = (chunk) => {
      text += chunk.toString("latin1");
      if (/^a1 [^\n]*\n/m.test(text) || text.length >= MAX_ANSWER) resolve(text);
    };
    remote.stdout.on("data", take);
    void remote.ended.then(() => resolve(text));
    remote.stdin.on("error", () => {});
    remote.stdin.write(`${command}\r\n`);
    remote.stdout.resume();
  });
  return orAborted(answer, signal).finally(() => remote.stdout.off("data", take));
}

/** " (3 messages)", to go behind the name of a mailbox; nothing where the server did not count them. */
export function countText(messages: number | undefined): string {
  return messages === undefined ? "" : ` (${messages} ${messages === 1 ? "message" : "messages"})`;
}
