import { type ChildProcess, spawn } from "node:child_process";
import type { Socket } from "node:net";
import type { Readable, Writable } from "node:stream";
import { plumb, type Stdio } from "./plumbing.ts";
import { descendantsOf, isAlive, signal } from "./processes.ts";
import { program } from "./programs.ts";
import { Received } from "./received.ts";
import { makeTemporary, removeTemporary } from "./temporary.ts";
import { within } from "./waiting.ts";

/** What a program is started with. */
export interface CallOptions {
  /** Default "alpine". */
  readonly stdio?: Stdio;
  /** The whole environment: `home.env`. */
  readonly env: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** Whether output is collected (default), or left to the test in `stdout`, for large amounts. */
  readonly collect?: boolean;
  /** Words put in front of the program, such as strace and its options; `pid` is then theirs. */
  readonly under?: readonly string[];
}

/** How a program ended. */
interface Ended {
  readonly status: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** How a program ended, and all that it wrote. */
export interface Finished extends Ended {
  readonly output: Buffer;
  /** What came on a pipe of its own for fd 2; empty otherwise. */
  readonly stderr: string;
}

/** A running program, seen from its client's end of the pipes. */
export interface Call extends AsyncDisposable {
  readonly pid: number;
  /** performance.now() just before it was started. */
  readonly started: number;
  /** Our end of fd 0, for what write() cannot do. */
  readonly stdin: Writable;
  /** Our end of fd 1. Flows into `output` unless `collect` is false. */
  readonly stdout: Readable;
  /** All of fd 1 so far, which is also fd 2 for `alpine` and `terminal`. */
  readonly output: Buffer;
  /** All of fd 2 so far, where it is a pipe of its own. */
  readonly stderr: string;
  write(data: string | Uint8Array): void;
  /** End-of-file for its stdin. */
  end(): void;
  /** Waits until the output matches, from its very start on; gives the match. */
  readUntil(pattern: RegExp, limit?: number): Promise<RegExpExecArray>;
  /** The same for a pipe of its own on fd 2. */
  stderrUntil(pattern: RegExp, limit?: number): Promise<RegExpExecArray>;
  /** Closes the reading end of its output: its next write fails with EPIPE. */
  hangUpReading(): void;
  /** Closes everything, as a client does that was killed. */
  hangUp(): void;
  signal(name: NodeJS.Signals): void;
  /** Waits for the end of the process itself. */
  exited(limit?: number): Promise<Ended>;
  /** Waits for the end of the process and of its output (which a child of it could hold open). */
  finished(limit?: number): Promise<Finished>;
}

/** Alpine leaves these ignored in its child; `exec` keeps that, and the process. */
const ALPINE = 'trap "" INT PIPE TSTP; exec "$@"';
const CLOSED = 'trap "" INT PIPE TSTP; exec "$@" 2>&-';
const PLAIN = 'exec "$@"';

/** Starts a program the way a mail client does: in a process group of its own, without a parent's care. */
export async function startCall(argv: readonly string[], options: CallOptions): Promise<Call> {
  const folder = makeTemporary();
  try {
    return await start([...(options.under ?? []), ...argv], options, folder);
  } catch (error) {
    removeTemporary(folder);
    throw error;
  }
}

async function start(words: readonly string[], options: CallOptions, folder: string): Promise<Call> {
  const { stdin, stdout, stderr, stdio, close } = await plumb(options.stdio ?? "alpine", folder);
  const started = performance.now();
  const child = spawn("/bin/sh", shellWords(options.stdio ?? "alpine", words), {
    stdio,
    env: options.env,
    cwd: options.cwd ?? "/",
    detached: true,
  });
  close();
  const own = options.stdio === "terminal" ? terminalEnds(child) : { stdin, stdout };
  if (own.stdin === undefined || own.stdout === undefined) throw new Error("no pipes");
  return new RunningCall({
    child,
    started,
    stdin: own.stdin,
    stdout: own.stdout,
    stderr,
    folder,
    collect: options.collect ?? true,
  });
}

/** One call from start to end: input given at once and then end-of-file. */
export async function runCall(
  argv: readonly string[],
  options: CallOptions & { readonly input?: string },
): Promise<Finished> {
  await using call = await startCall(argv, options);
  if (options.input !== undefined) call.write(options.input);
  call.end();
  return await call.finished();
}

function shellWords(kind: Stdio, words: readonly string[]): string[] {
  if (kind === "terminal") {
    // script(1): -e gives the program's own status, -f sends each piece at once, -E never: no echo of input.
    const quoted = words.map((word) => `'${word.replaceAll("'", `'\\''`)}'`).join(" ");
    const line = `exec ${quoted}`;
    return ["-c", PLAIN, "sh", program("script"), "-qef", "-E", "never", "-c", line, "/dev/null"];
  }
  return ["-c", kind === "closed-stderr" ? CLOSED : ALPINE, "sh", ...words];
}

function terminalEnds(child: ChildProcess): { stdin: Writable | undefined; stdout: Readable | undefined } {
  return { stdin: child.stdin ?? undefined, stdout: child.stdout ?? undefined };
}

interface Parts {
  readonly child: ChildProcess;
  readonly started: number;
  readonly stdin: Writable;
  readonly stdout: Readable;
  readonly stderr: Socket | undefined;
  readonly folder: string;
  readonly collect: boolean;
}

class RunningCall implements Call {
  readonly pid: number;
  readonly started: number;
  readonly stdin: Writable;
  readonly stdout: Readable;
  readonly #child: ChildProcess;
  readonly #output: Received | undefined;
  readonly #stderrSocket: Socket | undefined;
  readonly #stderr: Received | undefined;
  readonly #folder: string;
  readonly #exit: Promise<Ended>;

  constructor({ child, started, stdin, stdout, stderr, folder, collect }: Parts) {
    this.#child = child;
    this.#folder = folder;
    this.pid = child.pid ?? 0;
    this.started = started;
    this.stdin = stdin;
    this.stdout = stdout;
    this.#output = collect ? new Received(stdout, "stdout") : undefined;
    this.#stderrSocket = stderr;
    this.#stderr = stderr === undefined ? undefined : new Received(stderr, "stderr");
    // EPIPE: it has gone, which is for the test to judge by what it wrote and by its status.
    stdin.on("error", () => {});
    this.#exit = new Promise((resolve, reject) => {
      child.once("exit", (status, name) => resolve({ status, signal: name }));
      child.once("error", reject);
    });
    this.#exit.catch(() => {});
  }

  get output(): Buffer {
    return this.#collected.bytes;
  }

  get stderr(): string {
    return this.#stderr?.text ?? "";
  }

  get #collected(): Received {
    if (this.#output === undefined) throw new Error("output is not collected: read `stdout`");
    return this.#output;
  }

  write(data: string | Uint8Array): void {
    this.stdin.write(data);
  }

  end(): void {
    this.stdin.end();
  }

  readUntil(pattern: RegExp, limit?: number): Promise<RegExpExecArray> {
    return this.#collected.until(pattern, limit);
  }

  async stderrUntil(pattern: RegExp, limit?: number): Promise<RegExpExecArray> {
    if (this.#stderr === undefined) throw new Error("fd 2 is not a pipe of its own");
    return await this.#stderr.until(pattern, limit);
  }

  hangUpReading(): void {
    this.stdout.destroy();
  }

  hangUp(): void {
    this.stdin.destroy();
    this.stdout.destroy();
    this.#stderrSocket?.destroy();
  }

  signal(name: NodeJS.Signals): void {
    signal(this.pid, name);
  }

  exited(limit?: number): Promise<Ended> {
    return within(this.#exit, "the program's end", () => this.#evidence(), limit);
  }

  async finished(limit?: number): Promise<Finished> {
    const ended = await this.exited(limit);
    const output = this.#output === undefined ? Buffer.alloc(0) : await this.#output.ended(limit);
    const stderr = this.#stderr === undefined ? "" : (await this.#stderr.ended(limit)).toString("latin1");
    return { ...ended, output, stderr };
  }

  #evidence(): string {
    return `stdout: ${this.#output?.text.slice(-4000) ?? "not collected"}\nstderr: ${this.stderr}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (isAlive(this.pid)) for (const pid of [...descendantsOf(this.pid), this.pid]) signal(pid, "SIGKILL");
    this.hangUp();
    await this.#exit.catch(() => {});
    removeTemporary(this.#folder);
    this.#child.removeAllListeners();
  }
}
