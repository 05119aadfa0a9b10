import type { Duplex } from "node:stream";
import type { Client } from "ssh2";
import type { Line } from "./channel_input.ts";
import { type ClientError, reasonOf } from "./connection_failure.ts";

/** Whether a connection still lives, and why not; to be made before the client connects. */
export class Lifeline implements Line {
  /** Resolves when the connection has ended, with the reason. */
  readonly closed: Promise<string>;
  isShared = false;
  readonly #socket: Duplex;
  readonly #listeners = new Set<() => void>();
  #over: string | undefined;

  /** `refusal`: what was wrong with a host key, which is a better reason than the end that it led to. */
  constructor(client: Client, socket: Duplex, refusal: () => string | undefined) {
    this.#socket = socket;
    client.on("error", (error: ClientError) => {
      // A key that could not be used; the next one is tried.
      if (error.level !== "agent") this.#finish(refusal() ?? reasonOf(error));
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
