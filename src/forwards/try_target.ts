import type { Duplex } from "node:stream";
import { bounded, orAborted } from "../abort.ts";
import { Failure } from "../failure.ts";
import type { Endpoint } from "../table/table.ts";
import { abandon, type Carry, NOWHERE } from "./carry.ts";
import { reasonOf } from "./reason.ts";

export type Protocol = "SMTP" | "NNTP" | "POP3" | "IMAP";

/** What a target has to say to a connection through the server. Lines hold control characters and all. */
export type TargetReply =
  /** It greets as a server that is willing to serve. */
  | { readonly kind: "greets"; readonly protocol: Protocol; readonly line: string }
  /** It says something else, such as that it does not serve us. */
  | { readonly kind: "says"; readonly line: string }
  /** It took the connection and said nothing: in some protocols the client begins. */
  | { readonly kind: "silent"; readonly ms: number }
  /** It took the connection and closed it without a word. */
  | { readonly kind: "closed" }
  /** There is no connection to it, why, and what to do about that. */
  | { readonly kind: "refused"; readonly why: string; readonly hints: readonly string[] };

/** RFC 5321 section 4.2, RFC 3977 section 5.1, RFC 1939 section 4, RFC 3501 section 7.1. */
const GREETINGS: readonly (readonly [protocol: Protocol, greeting: RegExp])[] = [
  ["SMTP", /^220(?:[ -]|$)/],
  ["NNTP", /^20[01](?: |$)/],
  ["POP3", /^\+OK(?: |$)/],
  ["IMAP", /^\* (?:OK|PREAUTH)(?: |$)/i],
];

/** What is longer than a line of these protocols is cut (512 bytes: RFC 5321 section 4.5.3.1.5). */
const LONGEST = 512;

export interface TryOptions {
  /** How long it may take from asking for a connection to the end of the line, in milliseconds. */
  readonly limit: number;
  /** Aborted to give up; the promise then rejects with the signal's reason. */
  readonly signal: AbortSignal;
}

/** Whether a target answers: opens a connection through the server, reads the first line, and hangs up. */
export function tryTarget(
  to: Endpoint,
  { carry, ...options }: TryOptions & { readonly carry: Carry },
): Promise<TargetReply> {
  return tryStream(() => carry(to, NOWHERE), options);
}

/** The same of a connection that is opened in any way. */
export function tryStream(open: () => Promise<Duplex>, { limit, signal }: TryOptions): Promise<TargetReply> {
  return bounded(limit, signal, async (bound) => {
    signal.throwIfAborted();
    const opening = open();
    let far: Duplex;
    try {
      far = await orAborted(opening, bound);
    } catch (error) {
      opening.then(abandon, () => {});
      signal.throwIfAborted();
      return { kind: "refused", why: reasonOf(error), hints: error instanceof Failure ? error.hints : [] };
    }
    const heard = await firstLine(far, bound).finally(() => abandon(far));
    signal.throwIfAborted();
    return judged(heard, limit);
  });
}

/** What was heard until a line was whole, or the other side had ended, or time was up. */
interface Heard {
  readonly text: string;
  readonly isOver: boolean;
}

async function firstLine(far: Duplex, signal: AbortSignal): Promise<Heard> {
  let bytes = Buffer.alloc(0);
  const isOver = new Promise<boolean>((resolve) => {
    far.on("data", (chunk: Buffer) => {
      bytes = Buffer.concat([bytes, chunk]);
      if (bytes.length >= LONGEST || bytes.includes("\n")) resolve(false);
    });
    for (const event of ["end", "close", "error"]) far.on(event, () => resolve(true));
  });
  return { isOver: await orAborted(isOver, signal).catch(() => false), text: bytes.toString() };
}

function judged({ text, isOver }: Heard, ms: number): TargetReply {
  const [line = ""] = text.slice(0, LONGEST).split(/\r?\n/);
  if (text === "") return isOver ? { kind: "closed" } : { kind: "silent", ms };
  const [protocol] = GREETINGS.find(([, greeting]) => greeting.test(line)) ?? [];
  return protocol === undefined ? { kind: "says", line } : { kind: "greets", protocol, line };
}

/** An answer of a target (`mail:25`) in words, for `--check`. */
export function replyText(target: string, answer: TargetReply): string {
  switch (answer.kind) {
    case "greets":
      return `${target} answers as ${answer.protocol}: "${answer.line}"`;
    case "says":
      return `${target} says "${answer.line}"`;
    case "silent":
      return `${target} accepts the connection and sends nothing for ${answer.ms / 1000} s`;
    case "closed":
      return `${target} closes the connection without an answer`;
    case "refused":
      return `no connection to ${target}: ${answer.why}`;
  }
}

/** What to do about an answer that is none. */
export function replyHints(answer: TargetReply): readonly string[] {
  return answer.kind === "refused" ? answer.hints : [];
}
