import { closeSync, constants, fstatSync, openSync, readSync } from "node:fs";
import type { PendingInput } from "../src/world.ts";

/** More than a client's first commands; what goes beyond is left where it is. */
const MOST = 4096;

/**
 * Looks at a pipe that is standard input without waiting, and without the stream that it is otherwise: to make that takes
 * longer than a greeting. On Linux a pipe is opened anew by its name in /proc, so that O_NONBLOCK is for this look alone.
 */
export function pendingInput(): PendingInput | undefined {
  const fd = openAgain();
  if (fd === undefined) return undefined;
  try {
    const buffer = Buffer.allocUnsafe(MOST);
    const length = readSync(fd, buffer, 0, MOST, null);
    return length === 0 ? "end" : buffer.subarray(0, length);
  } catch (error) {
    return error instanceof Error && "code" in error && error.code === "EAGAIN" ? "nothing" : undefined;
  } finally {
    closeSync(fd);
  }
}

/** Whether standard input is a pipe. */
export function inputIsPipe(): boolean {
  try {
    return fstatSync(0).isFIFO();
  } catch {
    return false;
  }
}

/** Undefined where it has no such name. */
function openAgain(): number | undefined {
  try {
    return openSync("/proc/self/fd/0", constants.O_RDONLY | constants.O_NONBLOCK);
  } catch {
    return undefined;
  }
}
