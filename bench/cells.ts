import type { Contender } from "./contender.ts";
import type { Contenders } from "./contenders.ts";
import { timeToGreeting } from "./greeting.ts";
import { timeToRefusal } from "./refusal.ts";
import type { Measure } from "./results.ts";
import { type Pace, transferRate, type Way } from "./transfer.ts";

/** One thing to measure of one program. */
export interface Cell {
  readonly measure: Measure;
  readonly roundTrip: number;
  readonly program: string;
  /** Takes one sample. */
  readonly take: () => Promise<number>;
  /** Samples in each round that it is in; others come in between. */
  readonly times: number;
  /** It is in each so manieth round, the first one included. */
  readonly every: number;
}

/** How often and how long things are measured. */
export interface Plan {
  readonly refusals: number;
  readonly shared: number;
  /** Cold calls and transfers in each round that they are in, where there is no delay: those vary the most. */
  readonly near: number;
  /** Transfers are in each so manieth round. */
  readonly transfers: number;
  readonly pace: (roundTrip: number) => Pace;
}

/** All cells, in the order of a round: programs that are compared come one after the other. */
export function cellsOf(contenders: Contenders, roundTrips: readonly number[], plan: Plan): readonly Cell[] {
  return [
    ...contenders.refusers.map(
      (refuser): Cell => ({
        ...{ measure: "refusal", roundTrip: 0, program: refuser.name, every: 1, times: plan.refusals },
        take: () => timeToRefusal(refuser),
      }),
    ),
    ...leastOf(contenders, roundTrips, plan),
    ...roundTrips.flatMap((roundTrip) => [
      ...contenders.cold.map((one) => greetingCell("cold", one, roundTrip, timesAt(roundTrip, plan))),
      ...contenders.recent.map((one) => greetingCell("recent", one, roundTrip, timesAt(roundTrip, plan))),
      ...contenders.shared.map((one) => greetingCell("shared", one, roundTrip, plan.shared)),
      ...contenders.transfers.map((one) => transferCell("download", one, roundTrip, plan)),
      ...contenders.transfers.map((one) => transferCell("upload", one, roundTrip, plan)),
    ]),
  ];
}

function leastOf({ least }: Contenders, [nearest = 0]: readonly number[], plan: Plan): readonly Cell[] {
  if (least === undefined) return [];
  return [
    greetingCell("recent", least.login, nearest, timesAt(nearest, plan)),
    greetingCell("shared", least.call, nearest, plan.shared),
  ];
}

function timesAt(roundTrip: number, { near }: Plan): number {
  return roundTrip === 0 ? near : 1;
}

function greetingCell(
  measure: "cold" | "recent" | "shared",
  { name, start }: Contender,
  roundTrip: number,
  times: number,
): Cell {
  const server = measure === "recent" ? "recent" : "system";
  const take = () => timeToGreeting(start(server, roundTrip, "imap"));
  return { measure, roundTrip, program: name, take, times, every: 1 };
}

function transferCell(way: Way, { name, start }: Contender, roundTrip: number, plan: Plan): Cell {
  const take = () => transferRate(start("system", roundTrip, way), way, plan.pace(roundTrip));
  return {
    ...{ measure: way, roundTrip, program: name, take },
    ...{ times: timesAt(roundTrip, plan), every: plan.transfers },
  };
}
