import { setTimeout as pause } from "node:timers/promises";
import { Cleanup } from "./cleanup.ts";
import type { Contender } from "./contender.ts";
import { type Goal, most } from "./goals.ts";
import { openSession, type Session } from "./greeting.ts";
import { memoryOf } from "./memory.ts";
import { BUILT, waysOf } from "./preauth.ts";
import type { Trouble } from "./results.ts";
import { startServers } from "./servers.ts";
import { transferRate, type Way } from "./transfer.ts";

const MINUTE = 60_000;
const MINUTES = 60;

/** Mailboxes that stay open all the time, in IDLE. */
const OPEN = 10;

/** Milliseconds between two users: a mailbox is opened, asked and closed. */
const REST = 2000;

/** Once a minute somebody fetches, and somebody sends, for a second. */
const PACE = { settle: 200, span: 800 };
const WAYS: readonly Way[] = ["download", "upload"];

/** How the resident memory of a master, in MiB, may grow from the first minute to the last. */
const GROWTH = 1.2;

/** What a master's resident memory was. */
export interface HourReport {
  /** MiB at the end of each minute. */
  readonly resident: readonly number[];
  readonly sessions: number;
  readonly troubles: readonly Trouble[];
}

/** Uses one master for an hour, as some people together would. */
export async function benchHour(tell: (line: string) => void): Promise<HourReport> {
  await using cleanup = new Cleanup();
  const [built] = BUILT;
  if (built === undefined) throw new Error("nothing is built");
  const { shared } = waysOf(built, await startServers([0], cleanup), cleanup);
  const resident: number[] = [];
  const troubles: Trouble[] = [];
  const opened: Session[] = [];
  cleanup.add(() => Promise.all(opened.map((session) => session.close())));
  for (let count = 0; count < OPEN; count++)
    opened.push(await openSession(shared.start("system", 0, "imap")));
  for (const session of opened) await session.idle();
  const pid = shared.master?.();
  if (pid === undefined) throw new Error("there is no master");
  let sessions = OPEN;
  const began = performance.now();
  for (let minute = 1; minute <= MINUTES; minute++) {
    try {
      sessions += await useUntil(began + minute * MINUTE, shared);
    } catch (error) {
      troubles.push({ program: shared.name, reason: `minute ${minute}: ${String(error)}` });
    }
    if (shared.master?.() !== pid) throw new Error("it is another master");
    resident.push(memoryOf(pid).resident);
    tell(`minute ${minute}: ${resident.at(-1)?.toFixed(1)} MiB resident, ${sessions} sessions`);
  }
  return { resident, sessions, troubles };
}

/** Gives how many sessions there were. */
async function useUntil(end: number, { start }: Contender): Promise<number> {
  for (const way of WAYS) await transferRate(start("system", 0, way), way, PACE);
  let sessions = WAYS.length;
  while (performance.now() < end) {
    const session = await openSession(start("system", 0, "imap"));
    try {
      await session.noop();
    } finally {
      await session.close();
    }
    sessions++;
    await pause(Math.min(REST, Math.max(0, end - performance.now())));
  }
  return sessions;
}

/** Whether it has grown. */
export function hourGoals({ resident }: Pick<HourReport, "resident">): readonly Goal[] {
  const [first, last] = [resident[0], resident.at(-1)];
  const growth = first === undefined || last === undefined ? undefined : last / first;
  return [most("a master's resident memory after an hour of use / after a minute", growth, GROWTH)];
}
