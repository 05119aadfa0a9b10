import type { Readable } from "node:stream";

/**
 * Calls `listener` when a stream has ended. It may have before: the end comes with the last bytes, though whoever took
 * those has paused it.
 */
export function onceEnded(stream: Readable, listener: () => void): void {
  if (stream.readableEnded) listener();
  else stream.once("end", listener);
}
