import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { descendantsOf, gone, signal } from "./processes.ts";
import { program } from "./programs.ts";
import { Received } from "./received.ts";

/** An X11 display that nobody sees. */
export interface Display extends AsyncDisposable {
  /** For DISPLAY. */
  readonly name: string;
  /** Starts a program on it, which ends before it does, with all that it has started. */
  start(words: readonly string[], env: Readonly<Record<string, string>>): void;
}

/** Opens one at a number that is free. */
export async function openDisplay(): Promise<Display> {
  // Its own way to choose a display, and to say that it can be used.
  const screen = ["-screen", "0", "1280x900x24", "-nolisten", "tcp", "-displayfd", "1"];
  const server = spawn(program("Xvfb"), screen, { stdio: ["ignore", "pipe", "ignore"], cwd: "/" });
  const [, number] = await new Received(server.stdout, "Xvfb").until(/^(\d+)\n/);
  const name = `:${number}`;
  const clients: ChildProcess[] = [];
  return {
    name,
    start: ([first = "", ...words], env) => {
      const own = { ...env, DISPLAY: name };
      clients.push(spawn(program(first), words, { env: own, stdio: "ignore", cwd: "/" }));
    },
    [Symbol.asyncDispose]: async () => {
      for (const child of [...clients, server]) await end(child);
    },
  };
}

async function end(child: ChildProcess): Promise<void> {
  const started = descendantsOf(child.pid ?? 0);
  child.kill("SIGKILL");
  if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
  for (const pid of started) signal(pid, "SIGKILL");
  for (const pid of started) await gone(pid);
}
