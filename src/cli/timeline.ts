import { print } from "../report/speak.ts";
import type { Step } from "../ssh/progress.ts";
import type { World } from "../world.ts";

const NAMES: Readonly<Record<Step | "table" | "select", string>> = {
  table: "table",
  config: "name",
  name: "address",
  connect: "connect",
  kex: "key exchange",
  hostkey: "host key",
  auth: "authentication",
  command: "command",
  greeting: "greeting",
  select: "SELECT INBOX",
};

/** A step that the timeline has a line for. */
export type TimelineStep = keyof typeof NAMES;

const WIDTH = Math.max(...Object.values(NAMES).map((name) => name.length));

/** Prints each step of a check as it is done, with the milliseconds since the one before. */
export class Timeline {
  readonly #world: World;
  /** Milliseconds from the start of the program to the greeting; undefined as long as there was none. */
  greeted: number | undefined;
  #last = 0;

  constructor(world: World) {
    this.#world = world;
  }

  done(step: TimelineStep, outcome: string): void {
    this.#line(step, outcome);
  }

  failed(step: TimelineStep): void {
    this.#line(step, "FAILED");
  }

  #line(step: TimelineStep, outcome: string): void {
    const now = this.#world.elapsed();
    const ms = (now - this.#last).toFixed(0);
    this.#last = now;
    print(this.#world, [`${NAMES[step].padEnd(WIDTH)}  ${ms.padStart(6)} ms  ${outcome}`]);
  }
}
