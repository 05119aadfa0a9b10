import { fstatSync, writeSync } from "node:fs";
import { encoded } from "../src/utf8.ts";

/** Writes to a descriptor, whole, before it returns. False when nobody can read it any more. */
export function write(descriptor: number, what: string | Uint8Array): boolean {
  let bytes: Uint8Array = typeof what === "string" ? encoded(what) : what;
  while (bytes.length > 0) {
    try {
      bytes = bytes.subarray(writeSync(descriptor, bytes));
    } catch (error) {
      if (!(error instanceof Error && "code" in error && error.code === "EAGAIN")) return false;
      // The descriptor came non-blocking from the caller, and its reader is slow.
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5);
    }
  }
  return true;
}

/** Whether a descriptor is a terminal. node:tty loads node:net, so it is asked only of what can be one. */
export function isTerminal(descriptor: number): boolean {
  return fstatSync(descriptor).isCharacterDevice() && process.getBuiltinModule("node:tty").isatty(descriptor);
}
