import { type Person, watched } from "../person.ts";
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

/**
 * Prints each step as it is done, with the milliseconds since the one before, without those that a person took to
 * answer: a mail client's call asks nobody.
 */
export class Timeline {
  readonly #world: World;
  /** Milliseconds from the start of the program to the greeting; undefined as long as there was none. */
  greeted: number | undefined;
  #last = 0;
  /** Milliseconds in which a person was asked, and since when one is being asked now. */
  #asked = 0;
  #askedSince: number | undefined;

  constructor(world: World) {
    this.#world = world;
  }

  /** The person, asked in time that does not count. */
  patient(person: Person): Person {
    return watched(person, {
      onAsked: () => {
        this.#askedSince = this.#world.elapsed();
      },
      onAnswered: () => {
        this.#asked = this.#askedUntil(this.#world.elapsed());
        this.#askedSince = undefined;
      },
    });
  }

  /** Milliseconds since the start of the program. */
  now(): number {
    const elapsed = this.#world.elapsed();
    return elapsed - this.#askedUntil(elapsed);
  }

  done(step: TimelineStep, outcome: string): void {
    this.#line(step, outcome);
  }

  failed(step: TimelineStep): void {
    this.#line(step, "FAILED");
  }

  #line(step: TimelineStep, outcome: string): void {
    const now = this.now();
    const ms = (now - this.#last).toFixed(0);
    this.#last = now;
    print(this.#world, [`${NAMES[step].padEnd(WIDTH)}  ${ms.padStart(6)} ms  ${outcome}`]);
  }

  #askedUntil(elapsed: number): number {
    return this.#asked + elapsed - (this.#askedSince ?? elapsed);
  }
}
