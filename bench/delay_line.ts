import type { Socket } from "node:net";

/** Bytes under way at which it stops to read: 64 MiB in 50 ms are more than loopback carries. */
const MOST = 64 * 1024 * 1024;

/** Bytes that may wait to be written before the line counts as blocked. */
const WAITING = 4 * 1024 * 1024;

/** Node's timers have whole milliseconds; half of one early is as near as half of one late. */
const SLACK = 0.5;

interface Piece {
  /** performance.now() at which it is passed on. */
  readonly due: number;
  /** Undefined: the end of the stream. */
  readonly bytes: Buffer | undefined;
}

/** Passes on all that comes from one socket to the other `delay` milliseconds later, as fast as it comes. */
export function delayLine(from: Socket, to: Socket, delay: number): void {
  const pieces: Piece[] = [];
  let held = 0;
  let blocked = false;
  let timer: NodeJS.Timeout | undefined;

  const pass = ({ bytes }: Piece) => {
    if (bytes === undefined) return void to.end();
    held -= bytes.length;
    if (to.write(bytes) || to.writableLength < WAITING) return;
    blocked = true;
    to.once("drain", () => {
      blocked = false;
      deliver();
    });
  };
  const deliver = () => {
    clearTimeout(timer);
    timer = undefined;
    const now = performance.now() + SLACK;
    while (!blocked && (pieces[0]?.due ?? Number.POSITIVE_INFINITY) <= now) {
      const piece = pieces.shift();
      if (piece !== undefined && to.writable) pass(piece);
    }
    if (from.isPaused() && held < MOST / 2) from.resume();
    if (!blocked) wait();
  };
  const wait = () => {
    const [next] = pieces;
    if (next !== undefined) timer ??= setTimeout(deliver, Math.max(0, next.due - performance.now()));
  };
  const take = (bytes: Buffer | undefined) => {
    pieces.push({ due: performance.now() + delay, bytes });
    held += bytes?.length ?? 0;
    if (held > MOST) from.pause();
    if (!blocked) wait();
  };

  from.on("data", take);
  from.on("end", () => take(undefined));
  from.on("close", () => {
    // Half of a connection that is gone is of no use; what is under way still arrives.
    if (from.errored !== null) to.destroy();
  });
  from.on("error", () => {});
}
