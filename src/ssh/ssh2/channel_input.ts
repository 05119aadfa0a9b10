import { Writable } from "node:stream";
import type { ClientChannel } from "ssh2";
import { directionsOf } from "./patched.ts";
import type { RoundTrip } from "./round_trip.ts";
import type { Sender, Uplink } from "./uplink.ts";

/** What a channel has to know of its connection. */
export interface Line {
  /** Why the connection has ended; undefined as long as it lives. */
  readonly over: string | undefined;
  /** Whether other channels depend on it, so that none may destroy it. */
  readonly isShared: boolean;
  /** Callers who wait for a session on it. */
  readonly waiting: number;
  /** What its channels send goes this way. */
  readonly uplink: Uplink;
  readonly roundTrip: RoundTrip;
  /** Calls `listener` when the connection ends, at once if it has. What it gives takes the listener away. */
  onOver(listener: () => void): () => void;
  destroy(): void;
}

/**
 * Tells a channel that nothing can be sent any more. ssh2 does not by itself: reading what is left, or ending
 * the stream, would still send, and with compression that throws where nobody can catch it.
 */
export function silence(channel: ClientChannel): void {
  directionsOf(channel).outgoing.state = "closed";
}

const NOTHING = Buffer.alloc(0);

/**
 * What is sent on a channel, piece by piece as its turn comes. ssh2's own stream never calls back for what is written
 * after its end, and throws for what is written after the connection's.
 */
export class ChannelInput extends Writable implements Sender {
  readonly #channel: ClientChannel;
  readonly #line: Line;
  #over = false;
  #unsent: Buffer = NOTHING;
  #waiting: (() => void) | undefined;

  constructor(channel: ClientChannel, line: Line) {
    super();
    this.#channel = channel;
    this.#line = line;
    const release = () => {
      this.#over = true;
      this.#waiting?.();
    };
    channel.once("close", release);
    channel.once("finish", release);
    channel.once("close", line.onOver(release));
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    this.#waiting = () => {
      this.#waiting = undefined;
      done();
    };
    this.#unsent = chunk;
    this.#proceed();
  }

  send(most: number): number {
    if (this.#isOver) return 0;
    const piece = this.#unsent.subarray(0, most);
    this.#unsent = this.#unsent.subarray(most);
    this.#channel.write(piece, () => this.#proceed());
    return piece.length;
  }

  override _final(done: () => void): void {
    if (!this.#isOver) this.#channel.end();
    done();
  }

  get #isOver(): boolean {
    return this.#over || this.#line.over !== undefined;
  }

  #proceed(): void {
    if (this.#isOver || this.#unsent.length === 0) this.#waiting?.();
    else this.#line.uplink.take(this);
  }
}
