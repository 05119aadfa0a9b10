import { fstatSync, type Stats, writeSync } from "node:fs";
import { asciiText } from "../src/report/printable.ts";
import { encoded } from "../src/utf8.ts";
import { isUtf8 } from "./locale.ts";

/**
 * Writes to a descriptor, whole, before it returns. False when nobody can read it any more. Text is ASCII on a terminal
 * that takes nothing else; bytes are a session's, and stay as they are.
 */
export function write(descriptor: number, what: string | Uint8Array): boolean {
  let bytes: Uint8Array = typeof what === "string" ? encoded(readable(descriptor, what)) : what;
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

function readable(descriptor: number, text: string): string {
  // Nearly all text is ASCII: then it need not be known what the descriptor is.
  const isAscii = !/[^\0-\x7f]/.test(text);
  return isAscii || isUtf8(process.env) || !isTerminal(descriptor) ? text : asciiText(text);
}

/** Whether a descriptor is a terminal. node:tty loads node:net, so it is asked only of what can be one. */
export function isTerminal(descriptor: number): boolean {
  return fstatSync(descriptor).isCharacterDevice() && process.getBuiltinModule("node:tty").isatty(descriptor);
}

/** Columns of the terminal that a descriptor is; undefined where it is none, or does not know its size. */
export function columns(descriptor: 1 | 2): number | undefined {
  if (!isTerminal(descriptor)) return undefined;
  const { columns } = descriptor === 1 ? process.stdout : process.stderr;
  return columns > 0 ? Math.max(columns, NARROWEST) : undefined;
}

/** Nothing fits into less. */
const NARROWEST = 20;

/**
 * Whether two descriptors lead to the same file, given what fstat(2) says of them. OpenBSD and NetBSD number no pipes: all
 * have device and inode 0 (sys_pipe.c), and only the time that they were made at tells them apart.
 */
export function isSameFile(one: Stats, other: Stats): boolean {
  if (one.dev !== other.dev || one.ino !== other.ino) return false;
  return one.ino !== 0 || one.ctimeMs === other.ctimeMs;
}
