import { type Person, watched } from "../person.ts";
import type { Step } from "../progress.ts";
import { type Line, print } from "../report/results.ts";
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

/** Columns from which on there is room for the times beside what came of a step. */
const ROOMY = 60;

/** Characters of the longest bar where there is no terminal; on one the bars take what the names leave. */
const BARS = 60;

/** Round trips from TCP's connection to the first byte of a command: ssh(1)'s, a check's, and a known server's. */
const SSH_TRIPS = 8;
const PLAIN_TRIPS = 7;
const KNOWN_TRIPS = 3;

/** A step, the milliseconds since the start between which it was tried, and what came of it: undefined when it failed. */
interface Span {
  readonly step: TimelineStep;
  readonly from: number;
  readonly to: number;
  readonly outcome: string | undefined;
}

/**
 * Prints each step as it is done, unless it is to be quiet, with the milliseconds since the one before, without those that a person took to
 * answer: a mail client's call asks nobody.
 */
export class Timeline {
  readonly #world: World;
  readonly #isQuiet: boolean;
  /** Milliseconds from the start of the program to the greeting; undefined as long as there was none. */
  greeted: number | undefined;
  /** Milliseconds that the server's answer to a question takes; undefined where none came. */
  roundTrip: number | undefined;
  #last = 0;
  readonly #spans: Span[] = [];
  /** Milliseconds in which a person was asked, and since when one is being asked now. */
  #asked = 0;
  #askedSince: number | undefined;

  constructor(world: World, { isQuiet = false } = {}) {
    this.#world = world;
    this.#isQuiet = isQuiet;
  }

  /** The steps so far. */
  get spans(): readonly Span[] {
    return this.#spans;
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
    this.#took(step, outcome);
  }

  failed(step: TimelineStep): void {
    this.#took(step, undefined);
  }

  #took(step: TimelineStep, outcome: string | undefined): void {
    const [from, to] = [this.#last, this.now()];
    this.#last = to;
    this.#spans.push({ step, from, to, outcome });
    if (this.#isQuiet) return;
    const ms = (to - from).toFixed(0);
    const isNarrow = (this.#world.columns(1) ?? ROOMY) < ROOMY;
    const name = NAMES[step];
    const told = outcome ?? "FAILED";
    const text = isNarrow
      ? `${name} ${ms} ms: ${told}`
      : `${name.padEnd(WIDTH)}  ${ms.padStart(6)} ms  ${told}`;
    print(this.#world, [outcome === undefined ? { text, colour: "red" } : text]);
  }

  /**
   * The steps up to the greeting as bars of time, and what ssh(1) would have taken: its way has one round trip more. The
   * time of a round trip is that of the TCP connection (RFC 9293 section 3.5). Empty when there was no greeting, or
   * no TCP connection of one's own.
   */
  bars(): readonly Line[] {
    const steps = this.#spans.filter(({ step, outcome }) => step !== "select" && outcome !== undefined);
    const connect = steps.find(({ step }) => step === "connect");
    const greeted = steps.find(({ step }) => step === "greeting")?.to;
    if (greeted === undefined || connect === undefined || !steps.some(({ step }) => step === "name"))
      return [];
    const most = (this.#world.columns(1) ?? BARS + WIDTH + 2) - WIDTH - 2;
    const column = (time: number): number => Math.round((time / greeted) * most);
    const bars = steps.map(({ step, from, to }): Line => {
      const bar = "#".repeat(Math.max(1, column(to) - column(from)));
      const text = `${NAMES[step].padEnd(WIDTH)}  ${" ".repeat(Math.min(column(from), most - 1))}${bar}`;
      return { text, colour: "cyan" };
    });
    if (this.roundTrip === undefined) return bars;
    const ssh = ((greeted + (SSH_TRIPS - PLAIN_TRIPS) * this.roundTrip) / 1000).toFixed(2);
    const trip = this.roundTrip.toFixed(1);
    return [
      ...bars,
      `${PLAIN_TRIPS} round trips of ${trip} ms to the greeting; ssh needs ${SSH_TRIPS}, which would take ${ssh} s`,
      `mail calls need fewer: ${KNOWN_TRIPS} to log in again, and 2, later 1, over a shared connection`,
    ];
  }

  #askedUntil(elapsed: number): number {
    return this.#asked + elapsed - (this.#askedSince ?? elapsed);
  }
}
