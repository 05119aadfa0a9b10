// AbortSignal.any() is not used. Node 20.20 loses a signal that it has made of an AbortSignal.timeout() when it collects
// garbage, although somebody listens to it (0 of 1,000 were told), and Node 22.23 one that it has made of another of its
// kind (1 of 1,000). Node 24.21 and 26.10, and Bun 1.4, lose none.

/** The promise's outcome, or a rejection with the signal's reason as soon as that is aborted. */
export function orAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  let stop = () => {};
  const aborted = new Promise<never>((_resolve, reject) => {
    stop = onAbort(signal, () => reject(signal.reason));
  });
  return Promise.race([promise, aborted]).finally(() => stop());
}

/** Resolves when the signal is aborted, at once where it has been; where that never comes, it never does. */
export function whenAborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    onAbort(signal, resolve);
  });
}

/** Calls `listener` when the signal is aborted, at once where it has been. Gives what ends that. */
export function onAbort(signal: AbortSignal, listener: () => void): () => void {
  const tell = (): void => listener();
  if (signal.aborted) tell();
  else signal.addEventListener("abort", tell, { once: true });
  return () => signal.removeEventListener("abort", tell);
}

/** Its signal is aborted with that of any other, too, and for the same reason. Call release() at the end. */
export class Follower extends AbortController {
  readonly #stops: readonly (() => void)[];

  constructor(...others: readonly AbortSignal[]) {
    super();
    this.#stops = others.map((other) => onAbort(other, () => this.abort(other.reason)));
  }

  /** Leaves the others alone from now on. */
  release(): void {
    for (const stop of this.#stops) stop();
  }
}

/**
 * Does `work` with a signal that is aborted after `ms` milliseconds, or with `signal`. What `work` makes of the one or
 * the other is its own affair.
 */
export async function bounded<T>(
  ms: number,
  signal: AbortSignal,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const ends = new Follower(signal);
  const timer = setTimeout(() => ends.abort(new Error(`took longer than ${ms} ms`)), ms);
  try {
    return await work(ends.signal);
  } finally {
    clearTimeout(timer);
    ends.release();
  }
}
