import type { Duplex } from "node:stream";

/** Bytes in the socket beyond which the next piece waits: what a fast line needs, and nobody notices before his own on a slow one. */
const ROOM = 64 * 1024;

/** Sends one piece, unless nobody wants it any more. */
type Turn = () => void;

/**
 * Lets the channels of a connection send one piece each in turn, and only what the socket takes. ssh2 would put a whole
 * window of each into the socket at once, and a word of one session would wait behind the megabytes of another.
 */
export class Uplink {
  readonly #socket: Pick<Duplex, "writableLength" | "on">;
  readonly #isHeld: () => boolean;
  readonly #turns: Turn[] = [];

  /** `isHeld`: whether what is sent now would only be kept; proceed() is to be called when that is over. */
  constructor(socket: Pick<Duplex, "writableLength" | "on">, isHeld: () => boolean) {
    this.#socket = socket;
    this.#isHeld = isHeld;
    socket.on("drain", () => this.proceed());
  }

  /** Takes `turn` when those who came before have had theirs, and there is room. */
  take(turn: Turn): void {
    this.#turns.push(turn);
    this.proceed();
  }

  proceed(): void {
    while (this.#socket.writableLength < ROOM && !this.#isHeld()) {
      const turn = this.#turns.shift();
      if (turn === undefined) return;
      turn();
    }
  }
}
