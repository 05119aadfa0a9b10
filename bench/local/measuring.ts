import { readdirSync } from "node:fs";
import { setTimeout as pause } from "node:timers/promises";
import { poll } from "../../test/peers/waiting.ts";
import { memoryOf } from "../memory.ts";
import { type Summary, summarize } from "../statistics.ts";
import { echoed, greeted, greetingAt, left } from "./client.ts";
import type { LocalPort } from "./contenders.ts";

/** Connections at once, and one after another. */
export const AT_ONCE = 200;
export const IN_TURN = 10_000;

/** Of those in turn, before the other program has its turn. */
const BLOCK = 500;

/** Connections beside one that never reads. */
const BESIDE = 100;

/** Milliseconds in which queues fill up for a client that never reads. */
const FILLING = 3000;

/** What was found of one program: milliseconds, and MiB. */
export interface LocalFigure {
  readonly program: string;
  /** Until all connections at once were greeted, and until each had a line back. */
  readonly crowdGreeted: number;
  readonly crowdEchoed: number;
  /** All its processes then, where pages that they share count in part. */
  readonly crowdMemory: number;
  readonly crowdProcesses: number;
  /** From connecting to the greeting, one after another. */
  readonly inTurn: Summary;
  /** Seconds for all of them, each to its end. */
  readonly inTurnTook: number;
  /** Of the processes that stay, before and after these: resident memory, and descriptors. */
  readonly before: Lasting;
  readonly after: Lasting;
  /** Beside a client that never reads: the greeting of others, and what all processes have grown by. */
  readonly beside: Summary;
  readonly neverRead: number;
}

interface Lasting {
  readonly resident: number;
  readonly descriptors: number;
}

/** Measures both, in turns. */
export async function measureLocal(
  ports: readonly LocalPort[],
  tell: (line: string) => void,
): Promise<readonly LocalFigure[]> {
  const found = [];
  for (const port of ports) {
    // What the first one loads stays.
    await greetingAt(port.port);
    const crowd = await measureCrowd(port);
    found.push({ port, crowd, before: lasting(port), samples: [] as number[], took: 0 });
    tell(`${port.name}: ${AT_ONCE} at once`);
  }
  for (let done = 0; done < IN_TURN; done += BLOCK) {
    for (const one of found) {
      const began = performance.now();
      for (let count = 0; count < BLOCK; count++) one.samples.push(await greetingAt(one.port.port));
      one.took += performance.now() - began;
    }
    tell(`${done + BLOCK} one after another`);
  }
  const figures: LocalFigure[] = [];
  for (const { port, crowd, before, samples, took } of found) {
    await settled(port);
    const after = lasting(port);
    figures.push({
      ...{ program: port.name, ...crowd, before, after, ...(await measureDeaf(port)) },
      inTurn: summary(samples),
      inTurnTook: took / 1000,
    });
    tell(`${port.name}: a client that never reads`);
  }
  return figures;
}

async function measureCrowd(port: LocalPort) {
  const began = performance.now();
  const all = await Promise.all(Array.from({ length: AT_ONCE }, () => greeted(port.port)));
  const crowdGreeted = performance.now() - began;
  const asked = performance.now();
  await Promise.all(all.map(({ socket }, index) => echoed(socket, `line ${index}.`)));
  const crowdEchoed = performance.now() - asked;
  const processes = port.processes();
  const figure = {
    ...{ crowdGreeted, crowdEchoed },
    crowdMemory: proportional(processes),
    crowdProcesses: processes.length,
  };
  await Promise.all(all.map(({ socket }) => left(socket)));
  await settled(port);
  return figure;
}

async function measureDeaf(port: LocalPort) {
  const before = proportional(port.processes());
  const { socket } = await greeted(port.port);
  socket.pause();
  socket.write("flood\n");
  await pause(FILLING);
  const neverRead = proportional(port.processes()) - before;
  const samples = [];
  for (let count = 0; count < BESIDE; count++) samples.push(await greetingAt(port.port));
  socket.destroy();
  return { beside: summary(samples), neverRead };
}

/** Only those are left that stay. */
async function settled(port: LocalPort): Promise<void> {
  await poll(() => port.processes().length === port.lasting.length, `the end of connections of ${port.name}`);
}

function lasting({ lasting: pids }: LocalPort): Lasting {
  return {
    resident: pids.reduce((sum, pid) => sum + memoryOf(pid).resident, 0),
    descriptors: pids.reduce((sum, pid) => sum + readdirSync(`/proc/${pid}/fd`).length, 0),
  };
}

/** MiB; a process that has just ended has none. */
function proportional(pids: readonly number[]): number {
  return pids.reduce((sum, pid) => {
    try {
      return sum + memoryOf(pid).proportional;
    } catch {
      return sum;
    }
  }, 0);
}

function summary(samples: readonly number[]): Summary {
  const found = summarize(samples);
  if (found === undefined) throw new Error("nothing was measured");
  return found;
}
