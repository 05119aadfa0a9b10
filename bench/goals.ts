import { LEAST_CALL, LEAST_LOGIN } from "./floors/contenders.ts";
import { IDLE_FLOOR, type IdleFigure } from "./idle.ts";
import { FLOOR, READER } from "./refusal.ts";
import { type Figure, figureOf, type Measure, type Results } from "./results.ts";

/** A goal, and what has come of it. */
export interface Goal {
  readonly what: string;
  readonly wanted: string;
  /** Undefined when one of the two was not measured. */
  readonly measured: number | undefined;
  readonly met: boolean | undefined;
  /** By a program that does the least, built as preauth is, in the same run: see floorOf(). */
  readonly floor?: number | undefined;
}

interface Wanted {
  readonly what: string;
  readonly measure: Measure;
  readonly roundTrip: number;
  readonly program: string;
  /** Whose median ours is divided by; undefined: ours alone counts. */
  readonly beside?: string;
  readonly atMost?: number;
  readonly atLeast?: number;
}

const GOALS: readonly Wanted[] = [
  {
    what: "refusal / the Perl script's",
    measure: "refusal",
    roundTrip: 0,
    program: "preauth",
    beside: "Perl script",
    atMost: 0.5,
  },
  ...[0, 100].map((roundTrip) => ({
    what: `cold call / OpenSSH 10's, ${roundTrip} ms`,
    measure: "recent" as const,
    roundTrip,
    program: "preauth",
    beside: "ssh 10",
    atMost: roundTrip === 0 ? 0.4 : 0.5,
  })),
  {
    what: "shared call / warm ControlMaster's, 0 ms",
    measure: "shared",
    roundTrip: 0,
    program: "preauth, shared",
    beside: "ssh, ControlMaster",
    atMost: 1.15,
  },
  ...[0, 100].map((roundTrip) => ({
    what: `shared call with a spare / warm ControlMaster's, ${roundTrip} ms`,
    measure: "shared" as const,
    roundTrip,
    program: "preauth, spare",
    beside: "ssh, ControlMaster",
    atMost: roundTrip === 0 ? 0.7 : 0.1,
  })),
  {
    what: "download / ssh's, 0 ms",
    measure: "download",
    roundTrip: 0,
    program: "preauth",
    beside: "ssh",
    atLeast: 0.9,
  },
  {
    what: "download at 100 ms, MB/s",
    measure: "download",
    roundTrip: 100,
    program: "preauth",
    atLeast: 60,
  },
];

/** What a master may do while ten mailboxes wait for mail: per cent of a processor, and wakes: to ask and to hear, every 15 s. */
const IDLE = 0.1;
const WAKES_A_MINUTE = 8;

/** Every goal, met or not. */
export function goals(results: Pick<Results, "figures" | "idle">): readonly Goal[] {
  const idleOf = (program: string) => results.idle.find((figure) => figure.program === program);
  const [ours, floor] = [idleOf("preauth, shared"), idleOf(IDLE_FLOOR)];
  const processor = most("ten mailboxes in IDLE, % of a processor", ours?.processor, IDLE);
  const wakes = most("ten mailboxes in IDLE, wakes a minute", wakesOf(ours), WAKES_A_MINUTE);
  return [
    ...GOALS.map((goal) => ({ ...judged(goal, results), floor: floorOf(goal, results) })),
    { ...processor, floor: floor?.processor },
    { ...wakes, floor: wakesOf(floor) },
  ];
}

function wakesOf(idle: IdleFigure | undefined): number | undefined {
  return idle && (idle.wakes / idle.seconds) * 60;
}

/**
 * What a program that does no more than it must takes of theirs, where there is one: whoever refuses a server has read the
 * table, a session that waits costs a start, and any other a login or a word to a process that has a connection.
 */
function floorOf(
  { measure, roundTrip, beside, program }: Wanted,
  results: Pick<Results, "figures">,
): number | undefined {
  if (beside === undefined || roundTrip > 0) return undefined;
  const theirs = figureOf(results, measure, 0, beside);
  const least = leastFor(measure, program, results);
  return theirs && least && least.median / theirs.median;
}

function leastFor(measure: Measure, program: string, results: Pick<Results, "figures">): Figure | undefined {
  if (measure === "refusal") return figureOf(results, "refusal", 0, READER);
  if (program === "preauth, spare") return figureOf(results, "refusal", 0, FLOOR);
  return figureOf(results, measure, 0, measure === "recent" ? LEAST_LOGIN : LEAST_CALL);
}

/** A figure that is to be no greater. */
export function most(what: string, measured: number | undefined, greatest: number): Goal {
  const met = measured === undefined ? undefined : measured <= greatest;
  return { what, wanted: `at most ${greatest}`, measured, met };
}

function judged(goal: Wanted, results: Pick<Results, "figures">): Goal {
  const measured = judge(results, goal);
  const { what, atMost = Number.POSITIVE_INFINITY, atLeast = Number.NEGATIVE_INFINITY } = goal;
  const wanted = goal.atLeast === undefined ? `at most ${atMost}` : `at least ${atLeast}`;
  const met = measured === undefined ? undefined : measured <= atMost && measured >= atLeast;
  return { what, wanted, measured, met };
}

function judge(
  results: Pick<Results, "figures">,
  { measure, roundTrip, program, beside }: Wanted,
): number | undefined {
  const ours = figureOf(results, measure, roundTrip, program);
  if (beside === undefined) return ours?.median;
  const theirs = figureOf(results, measure, roundTrip, beside);
  return ours === undefined || theirs === undefined ? undefined : ours.median / theirs.median;
}
