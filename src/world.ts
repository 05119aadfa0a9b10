import type { Readable, Writable } from "node:stream";

/** Signals that end a call. */
export type EndingSignal = "SIGHUP" | "SIGINT" | "SIGTERM";

/** What standard error is: the client's own stream of bytes (`merged`), nowhere, a terminal, or something else. */
export type StandardError = "merged" | "nowhere" | "terminal" | "separate";

/** What the program is given of the world outside. Only bin/ gathers it, and touches `process`, but for own_process.ts. */
export interface World {
  /** The words of the call, without the program's own name. */
  readonly words: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  /** The path of the program itself: the executable, or the script that Node runs. */
  program(): string;
  readonly pid: number;
  readonly uid: number;
  /** $HOME, or the password file's home where that is not absolute: what `~` and the XDG directories stand on. */
  readonly home: string;
  /** That root writes elsewhere than in that home, which is somebody else's, and where; undefined where it does not. */
  readonly elsewhere: string | undefined;
  /** The operating system, as Node names it: "linux", "darwin". */
  readonly system: string;
  /** The machine's name. */
  hostname(): string;
  readonly stderr: StandardError;
  /** How many columns the terminal has that standard output or error is; undefined where it is none. */
  columns(descriptor: 1 | 2): number | undefined;
  /** Milliseconds since the program was started. */
  elapsed(): number;
  /** Writes to a descriptor, whole, before it returns. False when nobody can read it any more. */
  write(descriptor: 1 | 2, what: string | Uint8Array): boolean;
  /** Connects to a process on this machine that listens at a Unix socket; undefined when none does. */
  connect(path: string): Promise<Wire | undefined>;
  /** Standard input and output as streams, made at the first call. */
  stdio(): Stdio;
  /** Where somebody can be asked: undefined unless standard input is a terminal. Reads from it, as stdio() does. */
  terminal(): Terminal | undefined;
  readonly background: Background;
  /** Whether standard input is a pipe. */
  inputIsPipe(): boolean;
  /**
   * What has come on standard input, which must be a pipe, and was not read yet. To be asked before stdio(), which has
   * only what comes after it. Undefined where that cannot be told without waiting.
   */
  pendingInput(): PendingInput | undefined;
  /** Tells the runtime that there is work to come which repeats: until then it compiles next to nothing. */
  tierUp(): void;
  /** Calls `listener` at an ending signal; at once, too, where one has come since the first who listened. */
  onSignal(listener: SignalListener): void;
  /** Calls `listener` with what was thrown where nothing catches it: a bug, to be told as any other failure. */
  onBug(listener: (error: unknown) => void): void;
}

/** `status` is the exit status for the signal, 128+n. */
export type SignalListener = (signal: EndingSignal, status: number) => void;

/** Bytes; or that there are none so far, or that there will be none any more. */
export type PendingInput = Buffer | "nothing" | "end";

/** Standard input and output as streams. */
export interface Stdio {
  readonly input: Readable;
  readonly output: Writable;
  /** Ends the output for its reader while the program goes on: what is written before it must have been flushed. */
  endOutput(): void;
  /** Whether nobody reads the output any more, as far as can be seen without writing; to be asked first while one does. */
  readerIsGone(): boolean;
}

/** Bytes that a pipe or a socket takes at once, where they are the first that are written to it (PIPE_BUF of limits.h). */
export const AT_ONCE = 4096;

/** A connection to another process on this machine. */
export interface Wire {
  /** To be called in the turn in which the connection was had. */
  listen(listener: { data(bytes: Buffer): void; drained(): void; closed(): void }): void;
  /** Writes, or does nothing when it is closed; false when it is better to wait until it has drained. */
  write(bytes: Uint8Array): boolean;
  pause(): void;
  resume(): void;
  /** Closes at once; nothing is told any more. */
  close(): void;
}

/** The terminal that standard input is. */
export interface Terminal {
  /** Shows text, as it is, also where standard output leads elsewhere. */
  write(text: string): void;
  /** The next line, edited by the terminal, without its end; undefined at the end. Rejects with the signal's reason. */
  readLine(signal: AbortSignal): Promise<string | undefined>;
  /**
   * Switches the echo off and gives what switches it on again; undefined when it cannot be done. It is on again however
   * the program ends, and while Ctrl-Z has stopped it: `onResume` is called when it goes on.
   */
  hide(onResume: () => void): (() => void) | undefined;
}

/** A process of our own that goes on when this one has ended. */
export interface Background {
  /** Whether this is the one in the background. */
  readonly isIt: boolean;
  /** In the background: tells the one in front, once, and lets go of it. */
  report(text: string): void;
  /** In front: starts another with the same words, and gives what it reports; empty when it ends without. */
  start(words: readonly string[]): Promise<string>;
}
