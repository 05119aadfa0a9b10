import { spawn } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { setTimeout as pause } from "node:timers/promises";
import { makeHome } from "../test/peers/home.ts";
import { buildLike } from "./build.ts";
import { ended, spawned } from "./child.ts";
import type { Contender } from "./contender.ts";
import { openSession } from "./greeting.ts";

const MAILBOXES = 10;

/** After the last greeting a master still prepares for later calls, ms. */
const SETTLE = 5_000;

/** What a master does while nothing happens. */
export interface IdleFigure {
  readonly program: string;
  readonly seconds: number;
  /** Of one processor, in per cent. */
  readonly processor: number;
  /** How often one of its threads went to sleep: it had been woken. */
  readonly wakes: number;
}

/** Watches the master of a program while ten mailboxes are in IDLE (RFC 2177). */
export async function measureIdle(contender: Contender, span: number): Promise<IdleFigure> {
  const sessions = [];
  try {
    for (let count = 0; count < MAILBOXES; count++) {
      sessions.push(await openSession(contender.start("system", 0, "imap")));
    }
    for (const session of sessions) await session.idle();
    const pid = contender.master?.();
    if (pid === undefined) throw new Error("there is no master");
    return await watch(contender.name, pid, span);
  } finally {
    await Promise.all(sessions.map((session) => session.close()));
  }
}

/** A program that does nothing but hold a connection, built as preauth is: what wakes it is not ours to remove. */
export const IDLE_FLOOR = "empty program with a connection";

const HOLDER = `import { connect, createServer } from "node:net";
const server = createServer(() => {}).listen(0, "127.0.0.1", () => {
  connect(server.address().port, "127.0.0.1").on("data", () => {});
});
`;

/** Watches that. */
export async function measureIdleFloor(span: number): Promise<IdleFigure> {
  using home = makeHome();
  const child = spawn(buildLike(home, "holder", HOLDER), [], { stdio: "ignore" });
  try {
    return await watch(IDLE_FLOOR, await spawned(child), span);
  } finally {
    child.kill("SIGKILL");
    await ended(child);
  }
}

async function watch(program: string, pid: number, span: number): Promise<IdleFigure> {
  await pause(SETTLE);
  const [began, before] = [performance.now(), workOf(pid)];
  await pause(span);
  const seconds = (performance.now() - began) / 1000;
  const { ms, wakes } = workBetween(before, workOf(pid));
  return { program, seconds, processor: ms / 10 / seconds, wakes };
}

/** What a thread has done so far. */
export interface Work {
  readonly ms: number;
  readonly wakes: number;
}

/** What the threads have done since `before`; what one did that has ended since then is not known. */
export function workBetween(before: ReadonlyMap<string, Work>, after: ReadonlyMap<string, Work>): Work {
  let [ms, wakes] = [0, 0];
  for (const [thread, now] of after) {
    const then = before.get(thread);
    ms += now.ms - (then?.ms ?? 0);
    wakes += now.wakes - (then?.wakes ?? 0);
  }
  return { ms, wakes };
}

/** Milliseconds on a processor (schedstat), and voluntary changes of context, of each thread: proc(5). */
function workOf(pid: number): ReadonlyMap<string, Work> {
  const work = new Map<string, Work>();
  for (const thread of readdirSync(`/proc/${pid}/task`)) {
    const folder = `/proc/${pid}/task/${thread}`;
    const status = readFileSync(`${folder}/status`, "latin1");
    work.set(thread, {
      ms: Number(readFileSync(`${folder}/schedstat`, "latin1").split(" ")[0]) / 1e6,
      wakes: Number(/^voluntary_ctxt_switches:\s+(\d+)$/m.exec(status)?.[1]),
    });
  }
  return work;
}
