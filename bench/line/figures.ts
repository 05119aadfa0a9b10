import { quantile, type Summary, summarize } from "../statistics.ts";
import type { Way } from "../transfer.ts";
import type { LineSample } from "./sample.ts";
import type { Shape } from "./shapes.ts";

/** What one program was like beside a transfer; times in ms. */
export interface LineFigure {
  readonly shape: Shape;
  readonly way: Way;
  readonly program: string;
  readonly idleGreeting: Summary;
  readonly greeting: Summary;
  readonly idleNoop: number;
  /** Half of the NOOPs, and 99 of a hundred, took no longer. */
  readonly noop50: number;
  readonly noop99: number;
  /** The transfer's part of what the line carries. */
  readonly share: Summary;
}

/** Of all samples of one program beside one kind of transfer; undefined when there are none. */
export function figureOf(
  which: Pick<LineFigure, "shape" | "way" | "program">,
  samples: readonly LineSample[],
): LineFigure | undefined {
  const of = (key: "idleGreeting" | "greeting" | "share") => summarize(samples.map((sample) => sample[key]));
  const [idleGreeting, greeting, share] = [of("idleGreeting"), of("greeting"), of("share")];
  if (idleGreeting === undefined || greeting === undefined || share === undefined) return undefined;
  const noops = ascending(samples.flatMap((sample) => sample.noops));
  const idleNoop = quantile(ascending(samples.flatMap((sample) => sample.idleNoops)), 0.5);
  const times = { idleNoop, noop50: quantile(noops, 0.5), noop99: quantile(noops, 0.99) };
  return { ...which, idleGreeting, greeting, share, ...times };
}

function ascending(samples: readonly number[]): readonly number[] {
  return [...samples].sort((a, b) => a - b);
}
