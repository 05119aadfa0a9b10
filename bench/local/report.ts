import { introduction, table } from "../report.ts";
import type { Surroundings } from "../results.ts";
import type { Summary } from "../statistics.ts";
import { MAX_SESSIONS } from "./contenders.ts";
import { AT_ONCE, IN_TURN, type LocalFigure } from "./measuring.ts";

/** All that one run has found. */
export interface LocalReport {
  readonly surroundings: Surroundings;
  /** Seconds. */
  readonly took: number;
  /** The machine's, of the minute before the run and of its last one. */
  readonly load: readonly [number, number];
  /** Ours first. */
  readonly figures: readonly LocalFigure[];
}

const TEXT =
  "A local port whose every connection is an imapd behind SSH: a `[[forward]]` to METHOD imap, and " +
  "`socat TCP-LISTEN:PORT,fork,backlog=511 EXEC:ssh` with a ControlMaster that is there. Both have one SSH connection to one sshd, " +
  `whose MaxSessions is ${MAX_SESSIONS} for the purpose. The imapd is a shell script that greets and says back what it hears. ` +
  "The two take turns. Greetings are timed from the connecting of the client; medians have the quartiles in brackets.";

interface Row {
  readonly what: string;
  readonly of: (figure: LocalFigure) => number;
  readonly quartiles?: (figure: LocalFigure) => Summary;
}

const ROWS: readonly Row[] = [
  { what: `${AT_ONCE} at once: until all are greeted, ms`, of: (it) => it.crowdGreeted },
  { what: `${AT_ONCE} at once: until each has a line back, ms`, of: (it) => it.crowdEchoed },
  {
    what: `${AT_ONCE} at once: memory of all processes, MiB (shared pages in part)`,
    of: (it) => it.crowdMemory,
  },
  { what: `${AT_ONCE} at once: processes`, of: (it) => it.crowdProcesses },
  {
    what: `${IN_TURN} one after another: greeting, ms`,
    of: (it) => it.inTurn.median,
    quartiles: (it) => it.inTurn,
  },
  { what: `${IN_TURN} one after another, each to its end: s`, of: (it) => it.inTurnTook },
  { what: "resident memory of what stays, before these, MiB", of: (it) => it.before.resident },
  { what: "the same after them", of: (it) => it.after.resident },
  { what: "descriptors of what stays, before these", of: (it) => it.before.descriptors },
  { what: "the same after them", of: (it) => it.after.descriptors },
  {
    what: "beside a client that never reads: greeting, ms",
    of: (it) => it.beside.median,
    quartiles: (it) => it.beside,
  },
  { what: "what that client costs in memory, MiB", of: (it) => it.neverRead },
];

/** The results as a page of Markdown. */
export function localReport({ surroundings, took, load, figures }: LocalReport): string {
  const [ours, ...others] = figures;
  const rows = ROWS.map((row) => [
    row.what,
    ...figures.map((figure) => cell(row, figure)),
    ...others.map((other) =>
      ours === undefined ? "" : String(Number((row.of(ours) / row.of(other)).toPrecision(2))),
    ),
  ]);
  const heads = ["", ...figures.map(({ program }) => program), ...others.map(() => "ratio")];
  const sections = [
    `# Figures of local ports\n\n${introduction(surroundings, "npm run bench -- --local", took)}`,
    `${TEXT} The load of the machine was ${load.map(shown).join(" before, and ")} at the end.`,
    table(heads, rows),
  ];
  return `${sections.join("\n\n")}\n`;
}

function cell({ of, quartiles }: Row, figure: LocalFigure): string {
  const all = quartiles?.(figure);
  const brackets = all === undefined ? "" : ` (${shown(all.lower)} to ${shown(all.upper)})`;
  return `**${shown(of(figure))}**${brackets}`;
}

function shown(value: number): string {
  return Number.isInteger(value) || value >= 100 ? value.toFixed(0) : value.toFixed(1);
}
