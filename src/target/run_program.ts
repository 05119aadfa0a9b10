import { spawn } from "node:child_process";
import { orAborted } from "../abort.ts";
import { signalGroup } from "../own_process.ts";
import { lines } from "../report/lines.ts";

export interface RunOptions {
  /** Default: our own. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Kills the program; the promise then rejects with the signal's reason. */
  readonly signal: AbortSignal;
  /** What is longer than this, in bytes, is not an answer; the program is killed. Default: 1 MiB. */
  readonly longest?: number;
}

/** How a program ended, and what it wrote. */
export interface ProgramEnd {
  readonly status: number | NodeJS.Signals;
  readonly stdout: string;
  /** The lines of stderr. */
  readonly stderr: readonly string[];
}

/** Milliseconds to wait for the rest of stderr after the end: something it started may have kept it open. */
const LINGER = 250;

/**
 * Runs a program to its end, stdin from /dev/null. Undefined when there is no such program. stdout and
 * stderr are pipes: a child that held our fd 1 would hold up Alpine, which waits for its end, for 15 s.
 */
export function runProgram(
  program: string,
  words: readonly string[],
  { env, signal, longest = 1024 * 1024 }: RunOptions,
): Promise<ProgramEnd | undefined> {
  signal.throwIfAborted();
  // In a session of its own, so that what it has started (Match exec) ends with it.
  const child = spawn(program, words, {
    ...(env && { env }),
    stdio: ["ignore", "pipe", "pipe"],
    detached: true,
  });
  const stdout: Buffer[] = [];
  const stderr: Buffer[] = [];
  let length = 0;
  const keep = (chunks: Buffer[]) => (chunk: Buffer) => {
    chunks.push(chunk);
    length += chunk.length;
    if (length > longest) signalGroup(child, "SIGKILL");
  };
  child.stdout.on("data", keep(stdout));
  child.stderr.on("data", keep(stderr));

  let linger: NodeJS.Timeout | undefined;
  const ended = new Promise<ProgramEnd | undefined>((resolve, reject) => {
    const done = (status: number | null, name: NodeJS.Signals | null) =>
      resolve({
        status: status ?? name ?? "SIGKILL",
        stdout: Buffer.concat(stdout).toString(),
        stderr: lines(Buffer.concat(stderr).toString()),
      });
    child.on("error", (error: NodeJS.ErrnoException) => {
      if (error.code === "ENOENT") resolve(undefined);
      else reject(error);
    });
    child.on("close", done);
    child.on("exit", (status, name) => {
      linger = setTimeout(() => done(status, name), LINGER);
    });
  });
  return orAborted(ended, signal).finally(() => {
    clearTimeout(linger);
    // What a program leaves behind that has ended by itself is meant to stay.
    if (child.exitCode === null && child.signalCode === null) signalGroup(child, "SIGKILL");
    child.stdout.destroy();
    child.stderr.destroy();
  });
}
