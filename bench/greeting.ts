import { type ChildProcessByStdio, spawn } from "node:child_process";
import type { Readable, Writable } from "node:stream";
import { ended } from "./child.ts";
import type { Start } from "./contender.ts";

/** A greeting that has not come by then does not come, ms. */
const PATIENCE = 20_000;

/** The end of a session, ms. */
const LEAVING = 5_000;

/** An open mailbox. */
export interface Session {
  readonly pid: number;
  /** Milliseconds from the start of the program to its greeting. */
  readonly time: number;
  /** LOGOUT, and the end of the program. */
  close(): Promise<void>;
}

/** Starts a program as a mail client does (two pipes; fd 2 is /dev/null) and waits for the greeting. */
export async function openSession({ argv, env }: Start): Promise<Session> {
  const [program = "", ...words] = argv;
  const started = performance.now();
  const child = spawn(program, words, { env, stdio: ["pipe", "pipe", "ignore"] });
  child.stdin.on("error", () => {});
  try {
    const time = (await greeted(child)) - started;
    return { pid: child.pid ?? 0, time, close: () => leave(child) };
  } catch (error) {
    child.kill("SIGKILL");
    throw error;
  }
}

type Child = ChildProcessByStdio<Writable, Readable, null>;

/** Gives performance.now() at the end of the greeting. */
function greeted(child: Child): Promise<number> {
  return new Promise((resolve, reject) => {
    let text = "";
    const fail = (why: string) => reject(new Error(`${why}: ${JSON.stringify(text.slice(0, 200))}`));
    const timer = setTimeout(() => fail("no greeting in time"), PATIENCE);
    child.once("error", reject);
    child.once("close", (status) => fail(`ended with status ${status} before the greeting`));
    child.stdout.on("data", (piece: Buffer) => {
      const now = performance.now();
      text += piece.toString("latin1");
      if (!/^\* PREAUTH [^\n]*\n/m.test(text)) return;
      child.stdout.removeAllListeners("data").resume();
      clearTimeout(timer);
      resolve(now);
    });
  });
}

async function leave(child: Child): Promise<void> {
  child.stdin.write("a LOGOUT\r\n");
  const timer = setTimeout(() => child.kill("SIGKILL"), LEAVING);
  await ended(child);
  clearTimeout(timer);
}

/** Milliseconds from the start of a program to its greeting. */
export async function timeToGreeting(start: Start): Promise<number> {
  const session = await openSession(start);
  await session.close();
  return session.time;
}
