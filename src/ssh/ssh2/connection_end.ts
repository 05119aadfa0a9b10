import type { Duplex } from "node:stream";
import type { Client } from "ssh2";
import type { Line } from "./channel_input.ts";
import { type ClientError, reasonOf } from "./connection_failure.ts";
import { RoundTrip } from "./round_trip.ts";
import { Uplink } from "./uplink.ts";

/** How long the last word, why we leave, may take to go out (milliseconds). */
const LAST_WORD = 500;

/** Whether a connection still lives, and why not; to be made before the client connects. */
export class Lifeline implements Line {
  /** Resolves when the connection has ended, with the reason. */
  readonly closed: Promise<string>;
  isShared = false;
  waiting = 0;
  readonly uplink: Uplink;
  readonly roundTrip: RoundTrip;
  readonly #socket: Duplex;
  readonly #listeners = new Set<() => void>();
  #over: string | undefined;

  /** `refusal`: what was wrong with a host key, which is a better reason than the end that it led to. */
  constructor(client: Client, socket: Duplex, refusal: () => string | undefined) {
    this.#socket = socket;
    this.roundTrip = new RoundTrip(client);
    this.uplink = new Uplink(socket, {
      isHeld: () => client._protocol.isExchanging,
      ask: (onAnswer) => this.roundTrip.ping(onAnswer),
      roundTrip: () => this.roundTrip.least,
    });
    client.on("handshake", () => this.uplink.proceed());
    client.on("error", (error: ClientError) => {
      this.#finish(refusal() ?? reasonOf(error));
      // By itself ssh2 would wait for the server to close, too.
      const timer = setTimeout(() => socket.destroy(), LAST_WORD);
      socket.once("close", () => clearTimeout(timer));
      socket.end(() => socket.destroy());
    });
    client.on("end", () => this.#finish("the server closed the connection"));
    this.closed = new Promise((resolve) => {
      client.on("close", () => {
        this.#finish("the connection was closed");
        resolve(this.#over ?? "");
      });
    });
  }

  get over(): string | undefined {
    return this.#over;
  }

  onOver(listener: () => void): () => void {
    if (this.#over === undefined) this.#listeners.add(listener);
    else listener();
    return () => this.#listeners.delete(listener);
  }

  destroy(): void {
    this.abandon("hung up");
  }

  /** Ends it for a reason of our own. */
  abandon(reason: string): void {
    this.#finish(reason);
    this.#socket.destroy();
  }

  #finish(reason: string): void {
    this.#over ??= reason;
    for (const listener of this.#listeners) listener();
    this.#listeners.clear();
  }
}
