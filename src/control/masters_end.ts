import type { Socket } from "node:net";
import { Failure, partsOf } from "../failure.ts";
import { answerOf, requestOf } from "./checked_request.ts";
import { dataFrame, endFrame, FrameReader, messageFrame } from "./frames.ts";
import type { Answer, Reply, Request } from "./protocol.ts";

/** What a peer's frames are for, once its request has been taken. */
export interface PeerListener {
  data(bytes: Buffer): void;
  end(): void;
  answer(answer: Answer): void;
}

/** Milliseconds that a caller has for its request. */
const REQUEST_MS = 10_000;

/** Milliseconds that a caller has to close when it has been told that it is over. */
const LEAVE_MS = 5_000;

/** How often (milliseconds) it is looked whether a caller that is not read is still there. */
const WATCH_MS = 1_000;

/** A caller, at the master's end of a control connection. */
export class Peer {
  /** Aborted when the caller has gone, or said what nobody understands. */
  readonly gone: AbortSignal;
  readonly #socket: Socket;
  readonly #gone = new AbortController();
  #listener: PeerListener | undefined;
  #watch: NodeJS.Timeout | undefined;

  /** `onRequest` is called once, if at all. */
  constructor(socket: Socket, onRequest: (request: Request) => void) {
    this.#socket = socket;
    this.gone = this.#gone.signal;
    let asked = false;
    const late = setTimeout(() => socket.destroy(), REQUEST_MS);
    const reader = new FrameReader({
      message: (value) => {
        if (asked) return this.#answer(answerOf(value));
        asked = true;
        clearTimeout(late);
        onRequest(requestOf(value));
      },
      data: (bytes) => this.#listener?.data(bytes),
      end: () => this.#listener?.end(),
    });
    const take = (chunk: Buffer): void => {
      try {
        reader.take(chunk);
      } catch (error) {
        // Whatever follows is thrown away: who knows where it begins?
        socket.off("data", take).resume();
        this.fail(error);
        this.#gone.abort(new Failure("gone", "caller", "sent a request that is unknown"));
      }
    };
    socket.on("data", take);
    socket.on("error", () => {});
    // A caller says its end in a frame: a bare one is a caller that has died.
    for (const event of ["end", "close"]) {
      socket.on(event, () => {
        clearTimeout(late);
        clearInterval(this.#watch);
        this.#gone.abort(new Failure("gone", "caller", "hung up"));
      });
    }
  }

  listen(listener: PeerListener): void {
    this.#listener = listener;
  }

  reply(reply: Reply): void {
    this.#write(messageFrame(reply));
  }

  /** Tells that the session is open, with its first bytes, in one write: the caller is woken once. */
  open(first: Buffer): boolean {
    const opened = messageFrame({ type: "opened" });
    return this.#write(first.length === 0 ? opened : Buffer.concat([opened, dataFrame(first)]));
  }

  /** Sends bytes of a session; false when the caller should be given time, until `drained`. */
  send(bytes: Buffer): boolean {
    return this.#write(dataFrame(bytes));
  }

  sendEnd(): void {
    this.#write(endFrame());
  }

  drained(listener: () => void): void {
    this.#socket.once("drain", listener);
  }

  /** Stops reading. The end of a socket that is not read is not seen: only what is written to it fails. */
  pause(): void {
    this.#socket.pause();
    clearInterval(this.#watch);
    this.#watch = setInterval(() => {
      if (this.#socket.writableLength === 0) this.send(Buffer.alloc(0));
    }, WATCH_MS);
  }

  resume(): void {
    clearInterval(this.#watch);
    this.#socket.resume();
  }

  /** Tells why, and closes. */
  fail(error: unknown): void {
    const failure =
      error instanceof Failure
        ? error
        : new Failure("bug", "preauth", error instanceof Error ? error.message : String(error));
    this.reply({ type: "failure", failure: partsOf(failure) });
    this.close();
  }

  /** Closes when all that was said has left, and reads no more than the caller's end. */
  close(): void {
    this.#listener = undefined;
    this.resume();
    const socket = this.#socket;
    socket.end(() => {
      if (socket.destroyed) return;
      const timer = setTimeout(() => socket.destroy(), LEAVE_MS);
      socket.once("close", () => clearTimeout(timer));
    });
  }

  #answer(answer: Answer | undefined): void {
    if (answer === undefined) throw new Failure("bug", "master", "malformed answer");
    this.#listener?.answer(answer);
  }

  #write(bytes: Uint8Array): boolean {
    return this.#socket.writable ? this.#socket.write(bytes) : true;
  }
}
