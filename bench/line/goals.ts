import type { Goal } from "../goals.ts";
import type { LineFigure } from "./figures.ts";
import type { LineReport } from "./measuring.ts";
import { GOAL_SHAPES, nameOf, type Shape } from "./shapes.ts";

const OURS = "preauth, shared";
const THEIRS = "ssh, ControlMaster";
const WAYS = ["download", "upload"] as const;

/** What is judged of our figure and of ControlMaster's on the same line; undefined where one is missing. */
type Judge = (ours: LineFigure | undefined, theirs: LineFigure | undefined) => number | undefined;

interface Wanted {
  readonly what: string;
  readonly shape: Shape;
  readonly way: (typeof WAYS)[number];
  readonly judge: Judge;
  /** What it would be with nothing beside it. */
  readonly floor?: Judge;
  readonly atMost?: number;
  readonly atLeast?: number;
}

const WANTED: readonly Wanted[] = GOAL_SHAPES.flatMap((shape) => [
  ...WAYS.flatMap((way): readonly Wanted[] => [
    ...(shape.rate === 8
      ? [
          {
            what: "next mailbox, less a round trip / the same on the idle line",
            ...{ shape, way, judge: besideIdle, atMost: 1.5 },
          },
        ]
      : []),
    ...(shape.rate === 1
      ? [{ what: "next mailbox / ControlMaster's", shape, way, judge: ratio("greeting"), atMost: 0.25 }]
      : []),
    {
      what: "NOOP, p99 / ControlMaster's",
      ...{ shape, way, judge: ratio("noop99"), atMost: 0.3, floor: besideNothing },
    },
  ]),
  {
    ...{ what: "the download's share of the line", shape, way: "download" as const, atLeast: 0.9 },
    judge: (ours) => ours?.share.median,
  },
]);

function besideIdle(ours: LineFigure | undefined): number | undefined {
  return ours && (ours.greeting.median - ours.shape.roundTrip) / ours.idleGreeting.median;
}

function besideNothing(ours: LineFigure | undefined, theirs: LineFigure | undefined): number | undefined {
  return ours && theirs && ours.idleNoop / theirs.noop99;
}

function ratio(what: "greeting" | "noop99"): Judge {
  const of = (figure: LineFigure): number => {
    const value = figure[what];
    return typeof value === "number" ? value : value.median;
  };
  return (ours, theirs) => (ours === undefined || theirs === undefined ? undefined : of(ours) / of(theirs));
}

/** Every goal, met or not. */
export function lineGoals({ figures, crowd }: Pick<LineReport, "figures" | "crowd">): readonly Goal[] {
  const find = ({ shape, way }: Wanted, program: string) =>
    figures.find(
      (figure) => nameOf(figure.shape) === nameOf(shape) && figure.way === way && figure.program === program,
    );
  const goals = WANTED.map((wanted): Goal => {
    const both = [find(wanted, OURS), find(wanted, THEIRS)] as const;
    const what = `${wanted.what}, ${nameOf(wanted.shape)}, ${wanted.way}`;
    return { ...goal(what, wanted.judge(...both), wanted), floor: wanted.floor?.(...both) };
  });
  const what = "NOOP, p99, ms, ten mailboxes and a forward of 1 GB on loopback";
  return [
    ...goals,
    ...WAYS.map((way) => {
      const figure = crowd.find((one) => one.program === OURS && one.way === way);
      return goal(`${what}, ${way}`, figure?.noop99, { atMost: 20 });
    }),
  ];
}

function goal(
  what: string,
  measured: number | undefined,
  { atMost = Number.POSITIVE_INFINITY, atLeast }: Pick<Wanted, "atMost" | "atLeast">,
): Goal {
  const wanted = atLeast === undefined ? `at most ${atMost}` : `at least ${atLeast}`;
  const met = measured === undefined ? undefined : measured <= atMost && measured >= (atLeast ?? 0);
  return { what, wanted, measured, met };
}
