import { type Goal, goals } from "./goals.ts";
import type { IdleFigure } from "./idle.ts";
import {
  figureOf,
  type Measure,
  type Memory,
  type MemoryFigure,
  type Results,
  type Surroundings,
} from "./results.ts";

/** The results as a page of Markdown. */
export function report(results: Results): string {
  const sections = [
    `# Figures\n\n${introduce(results)}`,
    `## Goals\n\n${goalTable(goals(results))}\n\n${FLOORS}`,
    `## Refusal\n\n${REFUSAL}\n\n${figureTable(results, "refusal", [0])}`,
    ...SECTIONS.map(
      ({ title, text, measure }) => `## ${title}\n\n${text}\n\n${figureTable(results, measure)}`,
    ),
    `## Idle\n\n${IDLE}\n\n${idleTable(results.idle)}`,
    `## Memory\n\n${MEMORY}\n\n${memoryTable(results.memory)}`,
    ...(results.troubles.length === 0 ? [] : [`## What went wrong\n\n${troubleTable(results)}`]),
  ];
  return `${sections.join("\n\n")}\n`;
}

const REFUSAL =
  "Milliseconds from the start of a call for a server that is not in the table to its end. The table and the Perl " +
  "script have the SSH book's two hosts. `ssh -V` is ssh's own start, and true(1) does nothing at all.";

const SECTIONS: readonly { readonly title: string; readonly text: string; readonly measure: Measure }[] = [
  {
    title: "Cold call",
    text: "Milliseconds from the start to Dovecot's greeting, each call with a login of its own (`share = false`). The server has been logged in to before. preauth's table has this one host.",
    measure: "cold",
  },
  {
    title: "Cold call, OpenSSH 10's server",
    text: "The same, and OpenSSH 10's client beside it.",
    measure: "recent",
  },
  {
    title: "Shared call",
    text: "Milliseconds from the start to Dovecot's greeting on a connection that is there; `spare = 1` has one more imap waiting.",
    measure: "shared",
  },
  {
    title: "Download",
    text: "MB/s (10^6 bytes) of a stream under way, through a pipe to dd(1).",
    measure: "download",
  },
  {
    title: "Upload",
    text: "MB/s of a stream under way, through a pipe from dd(1).",
    measure: "upload",
  },
];

const IDLE =
  "A master while ten mailboxes are in IDLE and no mail comes: its share of one processor, and how often its threads were " +
  "woken.";

const FLOORS =
  "Floors: what a program that does the least, built as preauth is, took in the same run, as the goal counts it. Of a refusal: one " +
  "that reads the table's bytes. Of a call: `ssh2 alone`, which has a login with one key and no table, ssh_config, known_hosts, " +
  "agent or log, or a socket of a process that holds such a connection; where a session waits, one that does nothing, from its " +
  "start to its end. Of IDLE: one that holds a connection on which nothing comes.";

const MEMORY =
  "MiB while one mailbox is open and idle: resident (Rss), of which shared pages count in part (Pss), and private " +
  "(Uss). The master is the process that holds the connection.";

function introduce({ surroundings, quick, took, roundTrips }: Results): string {
  const trips = roundTrips.filter(({ wanted }) => wanted > 0);
  const measured = trips.map(({ wanted, measured }) => `${wanted} ms: ${measured.toFixed(1)} ms`).join(", ");
  return [
    introduction(surroundings, `npm run bench${quick ? " -- --quick" : ""}`, took),
    "All programs took turns, with a rest after each sample. Cells have the median, the quartiles in brackets, and the " +
      "number of samples.",
    "Columns are round-trip times, made by a proxy on loopback that delays and does not hold back; 0 ms is " +
      `loopback without it. One byte through it and back took, for ${measured}.`,
  ].join("\n\n");
}

/** Who has measured when, on which machine, with which programs. */
export function introduction(where: Surroundings, command: string, took: number): string {
  const versions = Object.entries(where.versions).map(([name, version]) => `${name} ${version}`);
  return [
    `Written by \`${command}\` on ${where.date} at commit ${where.commit}, in ${Math.round(took)} s, in one run.`,
    `${where.cores} cores of ${where.processor}, ${where.memory} GiB, ${where.kernel}. ${versions.join(", ")}.`,
  ].join("\n\n");
}

/** A row for each goal. */
export function goalTable(all: readonly Goal[]): string {
  const number = (value: number): string => value.toFixed(value < 10 ? 2 : 0);
  const rows = all.map(({ what, wanted, measured, met, floor }) => [
    what,
    wanted,
    measured === undefined ? "not measured" : number(measured),
    met === undefined ? "" : met ? "yes" : "**no**",
    floor === undefined ? "" : number(floor),
  ]);
  return table(["goal, of the medians", "wanted", "measured", "met", "floor"], rows);
}

function figureTable(results: Results, measure: Measure, only?: readonly number[]): string {
  const roundTrips = only ?? results.roundTrips.map(({ wanted }) => wanted);
  const figures = results.figures.filter((figure) => figure.measure === measure);
  const programs = [...new Set(figures.map(({ program }) => program))];
  const rows = programs.map((program) => [
    program,
    ...roundTrips.map((roundTrip) => {
      const found = figureOf(results, measure, roundTrip, program);
      if (found === undefined) return "";
      const { median, lower, upper, count } = found;
      return `**${figure(median)}** (${figure(lower)} to ${figure(upper)}) ${count}`;
    }),
  ]);
  const heads = only === undefined ? roundTrips.map((roundTrip) => `${roundTrip} ms`) : ["median"];
  return table(["", ...heads], rows);
}

function idleTable(all: readonly IdleFigure[]): string {
  const rows = all.map(({ program, processor, wakes, seconds }) => [
    ...[program, processor.toFixed(3), String(wakes), seconds.toFixed(0)],
  ]);
  return table(["master of", "% of a processor", "wakes", "seconds"], rows);
}

function memoryTable(all: readonly MemoryFigure[]): string {
  const cells = (memory: Memory | undefined) => {
    if (memory === undefined) return ["", "", ""];
    return [memory.resident, memory.proportional, memory.own].map(figure);
  };
  const rows = all.map(({ program, client, master }) => [program, ...cells(client), ...cells(master)]);
  const names = ["resident", "in part", "private"];
  const of = (who: string) => names.map((name) => `${who}, ${name}`);
  return table(["", ...of("client"), ...of("master")], rows);
}

/** What could not be measured, and why. */
export function troubleTable({ troubles }: Pick<Results, "troubles">): string {
  return table(
    ["program", "what"],
    troubles.map(({ program, reason }) => [
      program,
      reason
        .replaceAll(/[|`\s]+/g, " ")
        .trim()
        .slice(0, 300),
    ]),
  );
}

function figure(value: number): string {
  return value.toFixed(value < 100 ? 1 : 0);
}

/** Rows of cells as Markdown. */
export function table(heads: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;
  const rule = heads.map((_, column) => (column === 0 ? "---" : "---:"));
  return [line(heads), line(rule), ...rows.map(line)].join("\n");
}
