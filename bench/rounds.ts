import { setTimeout as pause } from "node:timers/promises";
import type { Cell } from "./cells.ts";
import type { Figure, Trouble } from "./results.ts";
import { summarize } from "./statistics.ts";

/** What the rounds have brought. */
export interface Taken {
  readonly rounds: number;
  readonly figures: readonly Figure[];
  /** The first failure of each cell that had one. */
  readonly troubles: readonly Trouble[];
}

/** A failure can take its time; who has failed so often is asked no more. */
const HOPELESS = 3;

interface Samples {
  readonly cell: Cell;
  readonly values: number[];
  failures: number;
}

export interface RoundOptions {
  /** performance.now() after which no sample is taken any more; the first round is finished all the same. */
  readonly end: number;
  /**
   * Milliseconds without work after a sample, so that what it leaves behind (a login that ends, a spare that is made
   * anew) is not at the cost of whoever comes next.
   */
  readonly rest: (cell: Cell) => number;
  /** Told at the start of each round. */
  readonly tell: (round: number) => void;
  /** When true, it ends before the next sample. */
  readonly isOver: () => boolean;
}

/**
 * Takes samples of all cells in turns until time is up, so that whatever else the machine does meanwhile meets all of
 * them alike. Who begins changes from round to round.
 */
export async function takeRounds(cells: readonly Cell[], options: RoundOptions): Promise<Taken> {
  const all = cells.map((cell): Samples => ({ cell, values: [], failures: 0 }));
  const troubles: Trouble[] = [];
  const isOver = (round: number) => {
    return options.isOver() || (round > 0 && performance.now() > options.end) || all.every(isHopeless);
  };
  for (let round = 0; ; round++) {
    options.tell(round);
    // A round can be empty, and time still has to end it.
    if (isOver(round)) return { rounds: round, figures: all.flatMap(figure), troubles };
    for (const samples of turnsOf(all, round)) {
      if (isOver(round)) return { rounds: round, figures: all.flatMap(figure), troubles };
      await take(samples, troubles);
      await pause(options.rest(samples.cell));
    }
  }
}

/** Who is measured in a round, in order: everybody once, then again those that are to be measured more often. */
function turnsOf(all: readonly Samples[], round: number): readonly Samples[] {
  const turn = all.filter((samples) => round % samples.cell.every === 0 && !isHopeless(samples));
  const first = (round * 7) % Math.max(1, turn.length);
  const turned = [...turn.slice(first), ...turn.slice(0, first)];
  const passes = Math.max(0, ...turned.map(({ cell }) => cell.times));
  return Array.from({ length: passes }, (_, pass) => turned.filter(({ cell }) => cell.times > pass)).flat();
}

function isHopeless({ failures }: Samples): boolean {
  return failures >= HOPELESS;
}

async function take(samples: Samples, troubles: Trouble[]): Promise<void> {
  const { cell } = samples;
  try {
    samples.values.push(await cell.take());
  } catch (error) {
    const what = error instanceof Error ? error.message : String(error);
    const reason = `${cell.measure}, ${cell.roundTrip} ms: ${what}`;
    if (samples.failures++ === 0) troubles.push({ program: cell.program, reason });
  }
}

function figure({ cell, values, failures }: Samples): Figure[] {
  const { measure, roundTrip, program } = cell;
  const summary = summarize(values);
  return summary === undefined ? [] : [{ measure, roundTrip, program, failures, ...summary }];
}
