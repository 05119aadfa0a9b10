import { renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { signal } from "../peers/processes.ts";
import type { Way } from "./faulty_line.ts";
import type { Random } from "./random.ts";
import type { Scene } from "./scene.ts";
import type { Tally } from "./tally.ts";

/** Where a fault is done, and who is there. */
export interface Place {
  readonly scene: Scene;
  readonly tally: Tally;
  /** What is decided about this one. */
  readonly random: Random;
  /** Calls of clients that are under way. */
  readonly calls: () => readonly number[];
}

/** Something that goes wrong, or that a person does. */
interface Fault {
  /** Milliseconds for which sessions may still suffer after its end; undefined where none may suffer at all. */
  readonly grace: number | undefined;
  readonly work: (place: Place) => Promise<void> | void;
}

const WAYS: readonly (readonly Way[])[] = [["up"], ["down"], ["up", "down"]];

/** What may happen; each once before any happens again. */
export const FAULTS: Readonly<Record<string, Fault>> = {
  "line frozen": {
    grace: 14_000,
    work: ({ scene, random }) => scene.line.freeze(random.pick(WAYS), random.pick([1000, 4000, 14_000])),
  },
  "line slow": { grace: 8000, work: ({ scene }) => scene.line.delay(20, 100, 6000) },
  "line split": { grace: 3000, work: ({ scene, random }) => scene.line.split(wayOf(random), 4000) },
  "bit flipped": { grace: 5000, work: ({ scene, random }) => scene.line.flip(wayOf(random), 3000) },
  truncated: { grace: 5000, work: ({ scene, random }) => scene.line.truncate(wayOf(random), 3000) },
  reset: { grace: 3000, work: ({ scene }) => scene.line.reset() },
  closed: { grace: 3000, work: ({ scene }) => scene.line.close() },
  "connections refused": { grace: 3000, work: ({ scene }) => scene.line.refuse(1500) },
  "call killed": { grace: 2000, work: ({ calls, random }) => hit(some(calls(), random), "SIGKILL") },
  "call ended": { grace: 2000, work: ({ calls, random }) => hit(some(calls(), random), "SIGTERM") },
  "master killed": { grace: 3000, work: ({ scene }) => hit(scene.masters(), "SIGKILL") },
  "master ended": { grace: 3000, work: ({ scene }) => hit(scene.masters(), "SIGTERM") },
  "master stopped": {
    grace: 6000,
    work: ({ scene, random }) => stopped(scene.masters(), random.pick([300, 1500, 5000])),
  },
  "everything stopped": { grace: 14_000, work: ({ scene }) => stopped(scene.processes(), 7000) },
  "sshd's connections killed": { grace: 3000, work: ({ scene }) => hit(scene.connections(), "SIGKILL") },
  "sshd's connections stopped": {
    grace: 6000,
    work: ({ scene, random }) => stopped(scene.connections(), random.pick([1000, 5000])),
  },
  // sshd(8): it executes itself anew.
  "sshd restarted": {
    grace: 3000,
    work: ({ scene }) => {
      signal(scene.sshd.pid, "SIGHUP");
      hit(scene.connections(), "SIGKILL");
    },
  },
  "imapd killed": { grace: 3000, work: ({ scene, random }) => hit(some(scene.imapds(), random), "SIGKILL") },
  "--stop": { grace: undefined, work: (place) => run(place, "--stop") },
  "--stop --now": { grace: 3000, work: (place) => run(place, "--stop", "--now") },
  "--status": { grace: undefined, work: (place) => run(place, "--status", "--json") },
  "state removed": { grace: undefined, work: ({ scene }) => remove(scene, "state/preauth") },
  "sockets removed": { grace: 2000, work: ({ scene }) => remove(scene, "run/preauth") },
  "table away": { grace: 1000, work: ({ scene }) => tableAway(scene, 700) },
  "table away for a moment": { grace: undefined, work: ({ scene }) => tableAway(scene, 30) },
  "table wrong": {
    grace: 1000,
    work: async ({ scene }) => {
      scene.replaceTable("[[host\n");
      await pause(700);
      scene.replaceTable(scene.table());
    },
  },
  "table changed": {
    grace: undefined,
    work: ({ scene, random }) => {
      const keys = { spare: random.below(2), persist: `${random.between(1, 30)}s` };
      scene.replaceTable(scene.table(keys));
    },
  },
};

/** A fault of the plan. */
export interface PlannedFault {
  readonly name: string;
  /** Milliseconds of rest before it. */
  readonly rest: number;
}

/** Which faults there are, in order, without end: the same for the same seed. `rests`: the least and the greatest rest, ms. */
export function* plannedFaults(random: Random, rests: readonly [number, number]): Generator<PlannedFault> {
  for (;;) {
    for (const name of random.sample(Object.keys(FAULTS))) yield { name, rest: random.between(...rests) };
  }
}

function wayOf(random: Random): Way {
  return random.pick(["up", "down"]);
}

function some(pids: readonly number[], random: Random): readonly number[] {
  return random.sample(pids, 1);
}

function hit(pids: readonly number[], name: NodeJS.Signals): void {
  for (const pid of pids) signal(pid, name);
}

async function stopped(pids: readonly number[], ms: number): Promise<void> {
  hit(pids, "SIGSTOP");
  await pause(ms);
  hit(pids, "SIGCONT");
}

function remove({ home }: Scene, name: string): void {
  // The program may be writing there. Node's own retries look for what is in a directory but once.
  for (let attempts = 20; attempts > 0; attempts--) {
    try {
      rmSync(join(home.path, name), { recursive: true, force: true });
      return;
    } catch (error) {
      if (attempts === 1) throw error;
    }
  }
}

async function tableAway({ home }: Scene, ms: number): Promise<void> {
  const away = `${home.tableFile}.away`;
  renameSync(home.tableFile, away);
  await pause(ms);
  renameSync(away, home.tableFile);
}

/** Runs a verb, which must do its work whatever else goes on: 1 says that there is nothing. */
async function run({ scene, random, tally }: Place, ...words: readonly string[]): Promise<void> {
  const name = words.join(" ");
  try {
    const { status, output, stderr } = await scene.run(random.pick(scene.forms), ...words);
    if (status !== 0 && status !== 1) tally.find("wrong", `${name} ended with ${status}: ${stderr}`);
    if (words.includes("--json")) JSON.parse(output.toString());
  } catch (error) {
    tally.find("hung", `${name}: ${error instanceof Error ? error.message : error}`);
  }
}
