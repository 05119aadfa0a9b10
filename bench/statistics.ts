/** What is told of many samples of one thing. */
export interface Summary {
  /** How many samples there were. */
  readonly count: number;
  readonly median: number;
  /** A quarter of the samples is below this. */
  readonly lower: number;
  /** A quarter of the samples is above this. */
  readonly upper: number;
}

/** Median and quartiles of samples in any order; undefined when there are none. */
export function summarize(samples: readonly number[]): Summary | undefined {
  if (samples.length === 0) return undefined;
  const sorted = [...samples].sort((a, b) => a - b);
  return {
    count: sorted.length,
    median: quantile(sorted, 0.5),
    lower: quantile(sorted, 0.25),
    upper: quantile(sorted, 0.75),
  };
}

/** Of samples in ascending order. Between two: the straight line (R's type 7, which spreadsheets use too). */
export function quantile(sorted: readonly number[], part: number): number {
  const place = (sorted.length - 1) * part;
  const below = sorted[Math.floor(place)] ?? Number.NaN;
  const above = sorted[Math.ceil(place)] ?? Number.NaN;
  return below + (above - below) * (place - Math.floor(place));
}
