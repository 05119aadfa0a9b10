/** A line that is slow or far. */
export interface Shape {
  /** Mbit/s (10^6 bits), each way. */
  readonly rate: number;
  /** Milliseconds. */
  readonly roundTrip: number;
  /** Of the router before it: two seconds of the line, or a round trip. */
  readonly queue: "deep" | "shallow";
}

const DEEP_MS = 2000;

/** A router has room for some packets at least. */
const LEAST_QUEUE = 20_000;

/** Bytes that the line carries in a millisecond. */
export function bytesPerMs({ rate }: Shape): number {
  return (rate * 1000) / 8;
}

/** Bytes that wait before the line at most. */
export function queueOf(shape: Shape): number {
  const ms = shape.queue === "deep" ? DEEP_MS : shape.roundTrip;
  return Math.max(LEAST_QUEUE, Math.round(bytesPerMs(shape) * ms));
}

/** As tables call it: `8 Mbit/s, 100 ms, deep`. */
export function nameOf({ rate, roundTrip, queue }: Shape): string {
  return `${rate} Mbit/s, ${roundTrip} ms, ${queue}`;
}

/** All that are measured with --line, and those that the goals are about. */
export const SHAPES: readonly Shape[] = [1, 8, 50].flatMap((rate) =>
  [20, 100].flatMap((roundTrip) =>
    (["deep", "shallow"] as const).map((queue) => ({ rate, roundTrip, queue })),
  ),
);

export const GOAL_SHAPES: readonly Shape[] = [1, 8, 50].map((rate) => ({
  ...{ rate, roundTrip: 100, queue: "deep" },
}));
