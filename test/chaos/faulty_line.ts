import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { setTimeout as pause } from "node:timers/promises";
import { type Listener, listen } from "../peers/tcp.ts";
import { poll } from "../peers/waiting.ts";
import type { Random } from "./random.ts";

/** From the client to the server, or back. */
export type Way = "up" | "down";

/** What is done to the bytes of one way; all of it holds for every connection. */
interface Manner {
  isFrozen: boolean;
  /** Each byte is a piece of its own. */
  isSplit: boolean;
  /** The next piece has a bit that is wrong. */
  flips: boolean;
  /** The next piece ends early, and the connection with it. */
  truncates: boolean;
}

/** Pieces up to this length are split: more take too long. */
const SPLIT = 4096;

/** A line between the program and its server on which anything may happen. */
export class FaultyLine implements AsyncDisposable {
  readonly #random: Random;
  readonly #manners: Readonly<Record<Way, Manner>> = { up: manner(), down: manner() };
  readonly #sockets = new Set<Socket>();
  /** Milliseconds by which each piece is late, at least and at most. */
  #delay: readonly [least: number, most: number] = [0, 0];
  #refuses = false;
  #listener: Listener | undefined;

  private constructor(random: Random) {
    this.#random = random;
  }

  static async open(
    to: { readonly host: string; readonly port: number },
    random: Random,
  ): Promise<FaultyLine> {
    const line = new FaultyLine(random);
    line.#listener = await listen((client) => line.#join(client, to));
    return line;
  }

  get host(): string {
    return this.#listener?.host ?? "";
  }

  get port(): number {
    return this.#listener?.port ?? 0;
  }

  async freeze(ways: readonly Way[], ms: number): Promise<void> {
    for (const way of ways) this.#manners[way].isFrozen = true;
    await pause(ms);
    for (const way of ways) this.#manners[way].isFrozen = false;
  }

  async delay(least: number, most: number, ms: number): Promise<void> {
    this.#delay = [least, most];
    await pause(ms);
    this.#delay = [0, 0];
  }

  async split(way: Way, ms: number): Promise<void> {
    this.#manners[way].isSplit = true;
    await pause(ms);
    this.#manners[way].isSplit = false;
  }

  /** Waits for a piece to spoil, so many milliseconds at most. */
  async flip(way: Way, ms: number): Promise<void> {
    const of = this.#manners[way];
    of.flips = true;
    await poll(() => !of.flips, "a piece", undefined, ms).catch(() => {});
    of.flips = false;
  }

  /** Waits for a piece to cut, so many milliseconds at most. */
  async truncate(way: Way, ms: number): Promise<void> {
    const of = this.#manners[way];
    of.truncates = true;
    await poll(() => !of.truncates, "a piece", undefined, ms).catch(() => {});
    of.truncates = false;
  }

  reset(): void {
    for (const socket of this.#sockets) {
      // A socket that has been ended cannot be reset (uv_tcp_close_reset: EINVAL).
      if (socket.writableEnded) socket.destroy();
      else socket.resetAndDestroy();
    }
  }

  /** Ends every connection in order, as far as TCP goes. */
  close(): void {
    for (const socket of this.#sockets) socket.end();
  }

  async refuse(ms: number): Promise<void> {
    this.#refuses = true;
    this.reset();
    await pause(ms);
    this.#refuses = false;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.reset();
    await this.#listener?.[Symbol.asyncDispose]();
  }

  #join(client: Socket, to: { readonly host: string; readonly port: number }): void {
    if (this.#refuses) return void client.resetAndDestroy();
    const server = connect({ ...to, allowHalfOpen: true, noDelay: true });
    for (const [from, into, way] of [
      [client, server, "up"],
      [server, client, "down"],
    ] as const) {
      this.#sockets.add(from);
      from.on("error", () => into.destroy()).on("close", () => this.#sockets.delete(from));
      void this.#carry(from, into, this.#manners[way]).catch(() => {
        from.destroy();
        into.destroy();
      });
    }
  }

  async #carry(from: Socket, into: Socket, way: Manner): Promise<void> {
    for await (const piece of from as AsyncIterable<Buffer>) {
      while (way.isFrozen) await pause(20);
      const [least, most] = this.#delay;
      if (most > 0) await pause(this.#random.between(least, most));
      if (way.truncates) {
        way.truncates = false;
        into.end(piece.subarray(0, this.#random.below(piece.length)));
        break;
      }
      for (const part of this.#partsOf(piece, way)) if (!into.write(part)) await drained(into);
    }
    into.end();
  }

  #partsOf(piece: Buffer, way: Manner): readonly Buffer[] {
    if (way.flips) {
      way.flips = false;
      const at = this.#random.below(piece.length);
      piece.writeUInt8(piece.readUInt8(at) ^ (1 << this.#random.below(8)), at);
    }
    if (!way.isSplit || piece.length > SPLIT) return [piece];
    return Array.from(piece, (_, at) => piece.subarray(at, at + 1));
  }
}

function manner(): Manner {
  return { isFrozen: false, isSplit: false, flips: false, truncates: false };
}

async function drained(socket: Socket): Promise<void> {
  if (socket.destroyed) throw new Error("nobody is there");
  await Promise.race([once(socket, "drain"), once(socket, "close")]);
}
