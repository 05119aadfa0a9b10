import { setTimeout as pause } from "node:timers/promises";

/** Upper bound of every wait in a test, in milliseconds. */
export const PATIENCE = 30_000;

/**
 * The promise's value, or an error that says `what` was waited for and shows `evidence()` when `limit`
 * milliseconds have passed.
 */
export async function within<T>(
  promise: Promise<T>,
  what: string,
  evidence: () => string = () => "",
  limit: number = PATIENCE,
): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(
      () => reject(new Error(`waited ${limit} ms for ${what}\n${evidence()}`.trimEnd())),
      limit,
    );
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

/**
 * For what sends no event (another program's screen, a process that is not our child): asks `look` again
 * and again until it gives something else than undefined or false, and returns that.
 */
export async function poll<T>(
  look: () => T | undefined | false | Promise<T | undefined | false>,
  what: string,
  evidence: () => string = () => "",
  limit: number = PATIENCE,
): Promise<T> {
  const end = Date.now() + limit;
  for (;;) {
    const seen = await look();
    if (seen !== undefined && seen !== false) return seen;
    if (Date.now() > end) throw new Error(`waited ${limit} ms for ${what}\n${evidence()}`.trimEnd());
    await pause(20);
  }
}
