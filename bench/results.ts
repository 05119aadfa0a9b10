import type { IdleFigure } from "./idle.ts";
import type { Summary } from "./statistics.ts";

/**
 * What is measured. `refusal`: from the start of a call for an unknown server to its end, ms. `cold`: from the start
 * to the greeting with a login, ms; `recent`: the same with OpenSSH 10's server. `shared`: from the start to the
 * greeting on a connection that is there, ms. `download`, `upload`: MB/s (10^6 bytes) of a stream under way.
 */
export type Measure = "refusal" | "cold" | "recent" | "shared" | "download" | "upload";

/** The samples of one program in one measure at one round-trip time. */
export interface Figure extends Summary {
  readonly measure: Measure;
  /** Milliseconds; 0 is loopback as it is. */
  readonly roundTrip: number;
  readonly program: string;
  /** Samples that could not be taken. */
  readonly failures: number;
}

/** Memory of a process in MiB (proc(5), smaps_rollup). */
export interface Memory {
  /** Rss: all that is resident. */
  readonly resident: number;
  /** Pss: pages that others have too count in part. */
  readonly proportional: number;
  /** Uss: what would be free if it ended. */
  readonly own: number;
}

/** Memory while one mailbox is open and idle. */
export interface MemoryFigure {
  readonly program: string;
  readonly client: Memory;
  /** The process that holds the connection, where there is one beside the client. */
  readonly master?: Memory;
}

/** Something a program did not do. */
export interface Trouble {
  readonly program: string;
  readonly reason: string;
}

/** Where and with what it was measured. */
export interface Surroundings {
  readonly date: string;
  readonly commit: string;
  readonly kernel: string;
  readonly processor: string;
  readonly cores: number;
  /** GiB. */
  readonly memory: number;
  readonly versions: Readonly<Record<string, string>>;
}

/** A round trip of one byte through the delaying proxy. */
export interface RoundTrip {
  readonly wanted: number;
  readonly measured: number;
}

/** All that one run has found. */
export interface Results {
  readonly surroundings: Surroundings;
  readonly quick: boolean;
  /** Seconds. */
  readonly took: number;
  readonly roundTrips: readonly RoundTrip[];
  readonly figures: readonly Figure[];
  readonly memory: readonly MemoryFigure[];
  readonly idle: readonly IdleFigure[];
  readonly troubles: readonly Trouble[];
}

/** The figure of a program, if there is one. */
export function figureOf(
  results: Pick<Results, "figures">,
  measure: Measure,
  roundTrip: number,
  program: string,
): Figure | undefined {
  return results.figures.find(
    (figure) => figure.measure === measure && figure.roundTrip === roundTrip && figure.program === program,
  );
}
