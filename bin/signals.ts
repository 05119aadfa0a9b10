import type { EndingSignal, SignalListener } from "../src/world.ts";

/** The numbers that POSIX gives them (kill(1)): node:os would have to be loaded for its table. */
const NUMBERS: Readonly<Record<EndingSignal, number>> = { SIGHUP: 1, SIGINT: 2, SIGTERM: 15 };

const SIGNALS = Object.keys(NUMBERS) as EndingSignal[];

/** The last one that came since somebody listens. */
let last: EndingSignal | undefined;
const listeners: SignalListener[] = [];

/** See World. */
export function onSignal(listener: SignalListener): void {
  if (listeners.length === 0) for (const signal of SIGNALS) process.on(signal, tell);
  listeners.push(listener);
  if (last !== undefined) listener(last, 128 + NUMBERS[last]);
}

function tell(signal: EndingSignal): void {
  last = signal;
  for (const listener of listeners) listener(signal, 128 + NUMBERS[signal]);
}
