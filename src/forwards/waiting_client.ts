import type { Socket } from "node:net";
import { Failure } from "../failure.ts";

/** Bytes that are kept of a client which speaks before its greeting; then it is not read any further. */
const MOST_KEPT = 64 * 1024;

/** A client whose session is being opened: what it says meanwhile is kept, and it is noticed when it hangs up. */
export class WaitingClient {
  /** Aborted, with a Failure "gone", when it has gone: at its end without a byte said, too, since it wants no greeting. */
  readonly gone: AbortSignal;
  readonly #socket: Socket;
  readonly #kept: Buffer[] = [];
  #bytes = 0;
  readonly #listeners: (() => void)[] = [];

  /** A socket that nobody has read. */
  constructor(socket: Socket) {
    this.#socket = socket;
    const gone = new AbortController();
    this.gone = gone.signal;
    const leave = (): void => gone.abort(new Failure("gone", "the client", "hung up before the greeting"));
    this.#on("data", (chunk: Buffer) => {
      this.#kept.push(chunk);
      this.#bytes += chunk.length;
      if (this.#bytes >= MOST_KEPT) socket.pause();
    });
    this.#on("end", () => {
      if (this.#bytes === 0) leave();
    });
    this.#on("close", leave);
    if (socket.destroyed) leave();
    else socket.resume();
  }

  #on(event: string, listener: (chunk: Buffer) => void): void {
    this.#socket.on(event, listener);
    this.#listeners.push(() => this.#socket.off(event, listener));
  }

  /** Lets go of it, paused; gives what it has said. */
  release(): Buffer {
    this.#socket.pause();
    for (const off of this.#listeners) off();
    return Buffer.concat(this.#kept);
  }
}
