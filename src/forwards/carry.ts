import type { Duplex } from "node:stream";
import type { SessionForward } from "../table/decision.ts";
import type { Endpoint } from "../table/table.ts";

/** The client's end of a forwarded connection: where the server is told that it comes from (RFC 4254 section 7.2). */
export interface Originator {
  readonly address: string;
  readonly port: number;
}

/** Where a connection comes from that has no address: as ssh(1) says it of Unix sockets (channels.c). */
export const NOWHERE: Originator = { address: "127.0.0.1", port: 65535 };

/**
 * Opens a connection from the server to `to`: all that forwards know of SSH. The stream may be half closed on either
 * side, is destroyed with an error when it breaks, and gives back what it has taken when it is destroyed. Rejects,
 * when there is no connection to be had, with an error whose message can be shown (of a Failure its `what`).
 */
export type Carry = (to: Endpoint, origin: Originator) => Promise<Duplex>;

/**
 * Opens a session of a METHOD, within its deadline: the stream begins with its greeting, and is as one of Carry.
 * Rejects with a Failure, or with the reason of the signal, which is aborted when nobody wants it any more.
 */
export type OpenSession = (forward: SessionForward, signal: AbortSignal) => Promise<Duplex>;

/** Gives up a stream that nobody listens to any more. */
export function abandon(far: Duplex): void {
  far.on("error", () => {});
  far.destroy();
}

/** The addresses of a host, itself if it is one. Rejects when there is none, or with the signal's reason. */
export type LookUp = (host: string, signal: AbortSignal) => Promise<readonly { readonly address: string }[]>;
