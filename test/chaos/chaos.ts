import { setTimeout as pause } from "node:timers/promises";
import { wordsOf } from "../peers/processes.ts";
import { poll } from "../peers/waiting.ts";
import { FAULTS, type Place, plannedFaults } from "./faults.ts";
import { Random } from "./random.ts";
import { Scene } from "./scene.ts";
import { Synchronizers } from "./synchronizers.ts";
import { Tally, Troubles } from "./tally.ts";
import { Worker } from "./worker.ts";

/** How long, how much and which. */
export interface ChaosOptions {
  /** Milliseconds of trouble; what is under way then is finished. */
  readonly span: number;
  readonly seed: number;
  readonly workers: number;
  /** Milliseconds between two faults, at least and at most. */
  readonly rests: readonly [least: number, most: number];
  /** Told of each fault. */
  readonly tell?: (line: string) => void;
}

/** After the last fault there is peace for so many milliseconds before the work ends. */
const PEACE = 5000;

/** A worker ends within so many milliseconds of the end of its work: a session that hangs is noticed before. */
const LAST_SESSION = 120_000;

/** A master that nobody can find any more ends within so many milliseconds: it looks at its own name every 20 s. */
const ORPHANED = 60_000;

/** Sessions of several mail clients, real ones among them, while anything may happen; and then all is looked through. */
export async function chaos({ span, seed, workers, rests, tell = () => {} }: ChaosOptions): Promise<Tally> {
  const tally = new Tally();
  const troubles = new Troubles();
  await using scene = await Scene.start(seed);
  const clients = Array.from(
    { length: workers },
    (_, number) => new Worker(scene, tally, troubles, seed, number),
  );
  const synchronizers = new Synchronizers(scene, tally, seed);
  const end = performance.now() + span;
  const working = [...clients.map((client) => client.run(end)), synchronizers.run(end)];
  const calls = (): readonly number[] => [...clients, synchronizers].flatMap((one) => one.calls);
  await trouble({ scene, tally, calls }, troubles, { end: end - PEACE, seed, rests, tell });
  await finished(working, tally);
  await clients[0]?.conclude();
  await leave(scene, tally);
  for (const one of [...clients, synchronizers]) one.verify();
  tally.add("logins", scene.sshd.logins());
  const errors = scene.home.log().match(/^.*internal error.*$/gm) ?? [];
  for (const line of errors) tally.find("wrong", line);
  return tally;
}

interface Plan extends Pick<Required<ChaosOptions>, "seed" | "rests" | "tell"> {
  /** A moment of performance.now(). */
  readonly end: number;
}

async function trouble(
  place: Omit<Place, "random">,
  troubles: Troubles,
  { end, seed, rests, tell }: Plan,
): Promise<void> {
  let number = 0;
  for (const { name, rest } of plannedFaults(new Random(seed, "faults"), rests)) {
    if (performance.now() + rest > end) return pause(Math.max(0, end - performance.now()));
    await pause(rest);
    const fault = FAULTS[name];
    if (fault === undefined) continue;
    tell(name);
    const over = fault.grace === undefined ? () => {} : troubles.begin(name);
    await fault.work({ ...place, random: new Random(seed, "fault", ++number) });
    over(fault.grace ?? 0);
    place.tally.add("faults");
    place.tally.add(`faults: ${name}`);
  }
}

async function finished(working: readonly Promise<void>[], tally: Tally): Promise<void> {
  const limit = new AbortController();
  const late = pause(LAST_SESSION, "late", { signal: limit.signal }).catch(() => "");
  const all = Promise.all(working).then(() => "done");
  if ((await Promise.race([all, late])) === "late") tally.find("hung", "a client, when all was over");
  limit.abort();
}

/** Ends the masters, and looks for what they have left. */
async function leave(scene: Scene, tally: Tally): Promise<void> {
  await scene.run(scene.form, "--stop", "--now");
  const left = (): readonly number[] => [...scene.processes(), ...scene.imapds(), ...scene.connections()];
  await poll(() => left().length === 0, "the end of all", undefined, ORPHANED).catch(() => {});
  for (const pid of left()) tally.find("left over", `process ${pid}: ${wordsOf(pid).join(" ")}`);
  for (const name of scene.leftFiles()) tally.find("left over", `file ${name}`);
}
