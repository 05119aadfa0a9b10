import { type ChildProcess, spawn } from "node:child_process";
import type { Socket } from "node:net";
import { plumb } from "../test/peers/plumbing.ts";
import { makeTemporary, removeTemporary } from "../test/peers/temporary.ts";
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
  /** Milliseconds that a NOOP takes. */
  noop(): Promise<number>;
  /** SELECT and IDLE, to its end. */
  idle(): Promise<void>;
  /** LOGOUT, and the end of the program. */
  close(): Promise<void>;
}

/** A program that runs, and the client's ends of its pipes. */
interface Running {
  readonly child: ChildProcess;
  readonly stdin: Socket;
  readonly stdout: Socket;
}

/** Starts a program as a mail client does and waits for the greeting: two pipes, and fd 2 is /dev/null. */
export async function openSession({ argv, env }: Start, patience = PATIENCE): Promise<Session> {
  const [program = "", ...words] = argv;
  const folder = makeTemporary();
  // What spawn() itself calls a pipe is a pair of sockets.
  const { stdin, stdout, stdio, close } = await plumb("devnull", folder);
  if (stdin === undefined || stdout === undefined) throw new Error("no pipes");
  const started = performance.now();
  const running = { child: spawn(program, words, { env, stdio }), stdin, stdout };
  close();
  removeTemporary(folder);
  stdin.on("error", () => {});
  try {
    const time = (await heard(running, /^\* PREAUTH [^\n]*\n/m, patience)) - started;
    let farewell = "a LOGOUT\r\n";
    return {
      pid: running.child.pid ?? 0,
      time,
      noop: async () => {
        const asked = performance.now();
        stdin.write("n NOOP\r\n");
        return (await heard(running, /^n OK [^\n]*\n/m, patience)) - asked;
      },
      idle: async () => {
        stdin.write("s SELECT INBOX\r\ni IDLE\r\n");
        farewell = "DONE\r\na LOGOUT\r\n";
        await heard(running, /^\+ [^\n]*\n/m, patience);
      },
      close: () => leave(running, farewell),
    };
  } catch (error) {
    running.child.kill("SIGKILL");
    throw error;
  }
}

/** Gives performance.now() at the end of what is waited for. */
function heard({ child, stdout }: Running, pattern: RegExp, patience: number): Promise<number> {
  return new Promise((resolve, reject) => {
    let text = "";
    const done = () => {
      clearTimeout(timer);
      child.off("error", reject).off("close", end);
      stdout.off("data", take).resume();
    };
    const fail = (why: string) => {
      done();
      reject(new Error(`${why}: ${JSON.stringify(text.slice(0, 200))}`));
    };
    const end = (status: number | null) => fail(`ended with status ${status}`);
    const take = (piece: Buffer) => {
      const now = performance.now();
      text += piece.toString("latin1");
      if (!pattern.test(text)) return;
      done();
      resolve(now);
    };
    const timer = setTimeout(() => fail(`no answer in ${patience / 1000} s`), patience);
    child.once("error", reject).once("close", end);
    stdout.on("data", take);
  });
}

async function leave({ child, stdin, stdout }: Running, farewell: string): Promise<void> {
  stdin.write(farewell);
  const timer = setTimeout(() => child.kill("SIGKILL"), LEAVING);
  await ended(child);
  clearTimeout(timer);
  stdin.destroy();
  stdout.destroy();
}

/** Milliseconds from the start of a program to its greeting. */
export async function timeToGreeting(start: Start): Promise<number> {
  const session = await openSession(start);
  await session.close();
  return session.time;
}
