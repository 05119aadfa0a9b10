import { constants } from "node:os";
import type { Exit } from "../ssh/channel/remote_command.ts";

/** How a session came to its end: by the remote command, or because a client had left and the server went on. */
export type End = Exit | { readonly kind: "left" };

/** The exit status of ssh(1) for a lost connection. */
const LOST = 255;

/** The status that a call ends with: the remote command's own, 128+n for a signal, 0 where the client had left. */
export function statusOf(end: End): number {
  switch (end.kind) {
    case "status":
      // Servers send 32 bits, exit(3) keeps eight: 256 would pass for a success only afterwards.
      return end.status & 0xff;
    case "signal":
      return 128 + signalNumber(end.signal);
    case "lost":
    case "stopped":
      return LOST;
    case "left":
      return 0;
  }
}

/** An end in words, to follow "ended". */
export function described(end: End): string {
  switch (end.kind) {
    case "status":
      return `with status ${end.status}`;
    case "signal":
      return `by ${end.signal}`;
    case "lost":
      return "with the connection";
    case "stopped":
      return "by preauth --stop --now";
    case "left":
      return "after the client had left";
  }
}

/** A line of the server's as the end of a message: `: "imapd: not found"`, or nothing. */
export function quotedTail(line: string): string {
  return line === "" ? "" : `: "${line}"`;
}

/** The number of a signal of the server's, "SIGTERM" or "TERM" (RFC 4254 section 6.10); 0 when it is not ours. */
function signalNumber(name: string): number {
  const known = new Map<string, number>(Object.entries(constants.signals));
  return known.get(name.startsWith("SIG") ? name : `SIG${name}`) ?? 0;
}
