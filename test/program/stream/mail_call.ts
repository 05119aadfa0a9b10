import { execFileSync } from "node:child_process";
import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Form } from "../../peers/binaries.ts";
import { type Call, type CallOptions, startCall } from "../../peers/call.ts";
import type { Home } from "../../peers/home.ts";
import { processesMarked, signal, wordsOf } from "../../peers/processes.ts";
import { poll } from "../../peers/waiting.ts";

/** How a mail call differs from an IMAP call of Alpine's for mail.test. */
export interface MailOptions extends Omit<CallOptions, "env"> {
  /** Default "imap". */
  readonly method?: string;
  /** More environment than the home's. */
  readonly env?: Readonly<Record<string, string>>;
}

/** Starts a mail call. */
export function startMail(form: Form, home: Home, options: MailOptions = {}): Promise<Call> {
  const { method = "imap", env, ...others } = options;
  return startCall([...form.argv, "mail.test", "jane", method], { ...others, env: { ...home.env, ...env } });
}

/** Processes that have this home: the program, and all that it has started on this side. */
export function processesOf(home: Home): number[] {
  return processesMarked(`HOME=${home.path}`);
}

/** Waits until nothing of a call runs any more; ends what does. */
export async function nothingRuns(home: Home, limit?: number): Promise<void> {
  const words = () => processesOf(home).map((pid) => `${pid}: ${wordsOf(pid).join(" ")}`);
  try {
    await poll(
      () => processesOf(home).length === 0,
      "the end of all that the call has started",
      () => words().join("\n"),
      limit,
    );
  } finally {
    endAll(home);
  }
}

/** Ends all processes that have this home. */
export function endAll(home: Home): void {
  for (const pid of processesOf(home)) signal(pid, "SIGKILL");
}

/** Waits for a file. */
export async function appeared(path: string): Promise<void> {
  await poll(() => existsSync(path), path);
}

/** A command of the shell waits at `wait` until the test opens the gate. */
export interface Gate {
  /** A line for sh that ends when the gate is opened. */
  readonly wait: string;
  /** Resolves when somebody stands at the gate. */
  reached(): Promise<void>;
  open(): void;
}

/** Makes a gate in a directory that both sides have. */
export function makeGate(directory: string): Gate {
  const fifo = join(directory, "gate");
  const arrived = join(directory, "arrived");
  execFileSync("mkfifo", ["-m", "600", fifo]);
  return {
    wait: `touch ${arrived}; read opened <${fifo}`,
    reached: () => appeared(arrived),
    open: () => writeFileSync(fifo, "open\n"),
  };
}
