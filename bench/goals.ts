import { figureOf, type Measure, type Results } from "./results.ts";

/** A goal, and what has come of it. */
export interface Goal {
  readonly what: string;
  readonly wanted: string;
  /** Undefined when one of the two was not measured. */
  readonly measured: number | undefined;
  readonly met: boolean | undefined;
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
    atMost: 0.7,
  },
  ...[0, 100].map((roundTrip) => ({
    what: `cold call / OpenSSH 10's, ${roundTrip} ms`,
    measure: "recent" as const,
    roundTrip,
    program: "preauth",
    beside: "ssh 10",
    atMost: 0.5,
  })),
  {
    what: "shared call / warm ControlMaster's, 0 ms",
    measure: "shared",
    roundTrip: 0,
    program: "preauth, shared",
    beside: "ssh, ControlMaster",
    atMost: 1.3,
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

/** Every goal, met or not. */
export function goals(results: Pick<Results, "figures">): readonly Goal[] {
  return GOALS.map((goal) => {
    const measured = judge(results, goal);
    const { what, atMost = Number.POSITIVE_INFINITY, atLeast = Number.NEGATIVE_INFINITY } = goal;
    const wanted = goal.atLeast === undefined ? `at most ${atMost}` : `at least ${atLeast}`;
    const met = measured === undefined ? undefined : measured <= atMost && measured >= atLeast;
    return { what, wanted, measured, met };
  });
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
