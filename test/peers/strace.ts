import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Home } from "./home.ts";
import { program } from "./programs.ts";
import { poll } from "./waiting.ts";

/** A log of system calls, of a program and all that it starts. */
export interface Trace {
  /** Words to be put in front of the program. */
  readonly under: readonly string[];
  /** The calls so far, one a line: pid, seconds since the epoch, call. */
  lines(): string[];
  /** Waits for a call. */
  seen(pattern: RegExp, limit?: number): Promise<string>;
}

/** A connect to the IMAP port, as strace writes it. */
export const IMAP_PORT = /connect\(.*htons\(143\)/;

/** Prepares a trace of the calls named, to be written below the home. */
export function trace(home: Home, calls: readonly string[], name = "trace"): Trace {
  const file = join(home.path, name);
  const options = ["-f", "-ttt", "-s", "256", "-e", `trace=${calls.join(",")}`, "-e", "signal=none"];
  const lines = () => textOf(file).split("\n");
  return {
    under: [program("strace"), "-qq", ...options, "-o", file],
    lines,
    seen: (pattern, limit) =>
      poll(
        () => lines().find((line) => pattern.test(line)),
        `${pattern} in the trace`,
        () => textOf(file),
        limit,
      ),
  };
}

/** The time of a line of a trace, in seconds. */
export function timeOf(line: string): number {
  return Number(line.split(/ +/)[1]);
}

function textOf(file: string): string {
  try {
    return readFileSync(file, "latin1");
  } catch {
    return "";
  }
}
