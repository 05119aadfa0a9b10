import { Failure } from "../failure.ts";

/** What a TableFailure carries beside its problems. */
interface TableFailureDetail {
  /** There is no file at all: nothing is wrong with it either. */
  readonly missing?: boolean;
  readonly hints?: readonly string[];
  readonly cause?: unknown;
}

/** One thing that is wrong: where (`FILE:LINE:COLUMN`, or FILE alone when it is about the file), and what. */
export interface PlacedProblem {
  readonly where: string;
  readonly what: string;
}

/** The table is missing, cannot be read, or is wrong. Shown as the first of its problems. */
export class TableFailure extends Failure {
  readonly missing: boolean;
  /** Every problem as a whole line `FILE:LINE:COLUMN: what`, in the order of the file. */
  readonly problems: readonly string[];

  constructor(first: PlacedProblem, others: readonly PlacedProblem[] = [], detail: TableFailureDetail = {}) {
    super("table", first.where, first.what, detail);
    this.name = "TableFailure";
    this.missing = detail.missing ?? false;
    this.problems = [first, ...others].map(({ where, what }) => `${where}: ${what}`);
  }
}
