import ssh2, { type AnyAuthMethod, type Client, type ClientChannel, type NextAuthHandler } from "ssh2";
import type { KeyExchanges } from "../exchange/exchange.ts";
import type { BOUNDS } from "./numbers.ts";

/*
 * What patches/ssh2+1.17.0.patch adds to ssh2, and all that is used here of what ssh2 keeps to itself. The patch is bound to
 * the hashes of the files it was made for, and so is this.
 */

/** The form of the patch that is relied on here. */
const FORM = 4;

/** lib/protocol/Protocol.js. */
export interface Protocol {
  /** Whether keys are being exchanged: what is sent meanwhile gathers in memory. */
  readonly isExchanging: boolean;
  readonly firstExchange: Session;
  /** The server's version line without its end, RFC 4253 section 4.2. */
  readonly _remoteIdentRaw: Buffer;
  /** Sends a request of RFC 4252 for `method`. */
  authRequest(method: string, payload: Buffer): void;
  service(name: string): void;
  exec(channel: number, line: string, wantsReply: boolean): void;
  channelWindowAdjust(channel: number, bytes: number): void;
  /** RFC 4254 sections 6.2 to 6.5, and the agent's request of PROTOCOL (OpenSSH). */
  shell(channel: number, wantsReply: boolean): void;
  pty(
    ...words: [channel: number, rows: number, columns: number, height: number, width: number, term: string]
  ): void;
  x11Forward(channel: number, display: Display, wantsReply: boolean): void;
  openssh_agentForward(channel: number, wantsReply: boolean): void;
}

/** What an X11 client has to know of the display that is forwarded. */
interface Display {
  readonly single: boolean;
  readonly protocol: string;
  readonly cookie: string;
  readonly screen: number;
}

/** A method of authentication that is done here: what is sent first, and what is when the server says that it would do. */
export interface OwnMethod {
  readonly type: "own";
  readonly username: string;
  begin(protocol: Protocol): void;
  /** `next` goes on to the next method instead. */
  proceed(protocol: Protocol, next: () => void): void;
}

/** Stands for a method whose requests have left already. */
export const DEPARTED: OwnMethod = { type: "own", username: "", begin: () => {}, proceed: () => {} };

/** ssh2's own types know nothing of a method that is done here. */
export function giveMethod(next: NextAuthHandler, method: AnyAuthMethod | OwnMethod): void {
  next(method as AnyAuthMethod);
}

/** An extension as ssh2 gives it, each with what it has. */
export interface Extension {
  readonly name: string;
  readonly algs?: readonly string[];
  readonly version?: string;
}

/** What is known of a session once its first key exchange is over: an agent can check it (PROTOCOL.agent, section 1). */
export interface Session {
  /** The server's key or certificate, as it was shown. */
  readonly hostKey: Buffer;
  readonly id: Buffer;
  /** The server's, of the id. */
  readonly signature: Buffer;
}

/** What a packet is encrypted with, one way; `number` is the packet's. */
export interface PacketCipher {
  length(number: number, bytes: Uint8Array): Buffer;
  content(number: number, bytes: Uint8Array): Buffer;
  tag(number: number, ...encrypted: readonly Uint8Array[]): Buffer;
  isTag(tag: Buffer, number: number, ...encrypted: readonly Uint8Array[]): boolean;
}

declare module "ssh2" {
  interface ConnectConfig {
    readonly keyExchanges?: KeyExchanges;
    /** Ciphers that ssh2 does not have, or not on Bun, each loaded when a server agrees to it. */
    readonly ciphers?: Readonly<Record<string, () => Promise<(key: Buffer) => PacketCipher>>>;
    /** The plain key in a host certificate; undefined when it is none. */
    readonly certifiedKey?: (certificate: Buffer) => Buffer | undefined;
    /** Asked whenever the server wants keys exchanged anew; no ends the connection. */
    readonly mayRekey?: () => boolean;
    /** The window that channels are opened with, in bytes; widening it is left to whoever reads. */
    readonly receiveWindow?: number;
    readonly bounds?: typeof BOUNDS;
    /** All is encrypted from here on, and the server known: whoever is told asks for the service of RFC 4252. */
    readonly startLogin?: (protocol: Protocol) => void;
  }

  interface Client {
    readonly _protocol: Protocol;
    /** Opens a session with nothing in it. */
    session(done: ClientCallback): void;
    /** Asks for a sign of life: a request that the server must answer, were it only to refuse it (RFC 4254 section 4). */
    ping(onAnswer: () => void): void;
    on(event: "auth failure", listener: (methods: readonly string[], isPartial: boolean) => void): this;
    on(event: "extensions", listener: (extensions: readonly Extension[]) => void): this;
    /** The server's version line, without its end. */
    on(event: "version", listener: (line: Buffer) => void): this;
    /** A keyboard-interactive request without prompts, which ssh2 answers by itself. */
    on(event: "instruction", listener: (name: string, instruction: string) => void): this;
  }

  interface Channel {
    readonly _client: Client;
    /** Told, in order, whether the server has failed what was asked of it on this channel. */
    readonly _callbacks: ((hasFailed: boolean) => void)[];
    /** Asks for a command, unless the request `isSent`. 'answer' tells whether it was granted; so does anything it says. */
    exec(line: string, isSent?: boolean): void;
  }
}

/** lib/Channel.js: what a channel has of its two directions. */
export interface Directions {
  readonly incoming: { window: number };
  readonly outgoing: { readonly id: number; state: "open" | "eof" | "closing" | "closed" };
}

export function directionsOf({ incoming, outgoing }: ClientChannel): Directions {
  return { incoming, outgoing } as Directions;
}

/** A client of the ssh2 that is known here; any other is a fault of the installation. */
export function newClient(): Client {
  if (Reflect.get(ssh2.Client, "patched") !== FORM) {
    throw new Error("ssh2 is not the patched one: run node test/setup.mjs build");
  }
  return new ssh2.Client();
}
