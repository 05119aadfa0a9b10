import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Call, type CallOptions, type Finished, startCall } from "../../peers/call.ts";
import type { Home } from "../../peers/home.ts";

/** The call of a mail client for the [[host]] that tableFor() makes. */
export const MAIL: readonly string[] = ["mail.test", "jane", "imap"];

/** A greeting as good as any. */
export const GREETING = "* PREAUTH [CAPABILITY IMAP4rev1] ready\r\n";

/** The client's first command. */
const COMMAND = "A7 SELECT INBOX\r\n";

/** All that an IMAP client reads from a server that is refused, whatever stands for the reason (design: c-client). */
export function refusal(reason: string): string {
  return `* PREAUTH [CAPABILITY IMAP4rev1] preauth\r\n* BYE preauth: ${reason}\r\nA7 NO preauth: ${reason}\r\n`;
}

/** All that an IMAP client reads from a server that it is told about. */
export function told(reason: string): string {
  return `* NO preauth: ${reason}\r\n`;
}

/** A remote command that says exactly these bytes and then gives back what it is sent, until that ends. */
export function saying(home: Home, bytes: string | Buffer): string {
  const file = join(home.path, "said");
  writeFileSync(file, bytes);
  return `cat ${file}; exec cat`;
}

/**
 * A call of a client that reads the greeting, answers it with its first command where it is PREAUTH, and
 * reads to the end.
 */
export async function converse(argv: readonly string[], options: CallOptions): Promise<Finished> {
  await using call = await startCall(argv, options);
  if (await isGreeted(call)) call.write(COMMAND);
  return await call.finished();
}

async function isGreeted(call: Call): Promise<boolean> {
  try {
    return /^\* PREAUTH/.test((await call.readUntil(/^.*\r\n/)).input);
  } catch {
    // The end of its output, which finished() tells of.
    return false;
  }
}

/** The milliseconds since a call was started. */
export function since(call: Call): number {
  return performance.now() - call.started;
}
