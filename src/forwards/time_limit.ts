/**
 * Runs `work` with a signal that is aborted after `ms` milliseconds, or with `signal`. What `work` makes of the one or
 * the other is its own affair.
 */
export async function bounded<T>(
  ms: number,
  signal: AbortSignal,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const late = new AbortController();
  const timer = setTimeout(() => late.abort(new Error(`took longer than ${ms} ms`)), ms);
  try {
    return await work(AbortSignal.any([signal, late.signal]));
  } finally {
    clearTimeout(timer);
  }
}
