import { goalTable, introduction, table, troubleTable } from "../report.ts";
import type { CrowdFigure } from "./crowd.ts";
import type { LineFigure } from "./figures.ts";
import { lineGoals } from "./goals.ts";
import type { LineReport } from "./measuring.ts";
import { nameOf } from "./shapes.ts";

const TEXT =
  "What a user notices of somebody else's transfer: ms from the start of a program to the greeting of the next mailbox, and " +
  "ms for a NOOP in one that was open before (half of them, and 99 of a hundred, took no longer), and what the transfer has " +
  "of the line. The line is a tunnel between two network namespaces; a relay in it carries so many bits, delays them, and " +
  "has a queue that is deep (two seconds of the line) or shallow (a round trip). TCP is Reno's. Masters are started anew for each sample, and a transfer has five " +
  "seconds before anything is measured beside it.";

/** The results as a page of Markdown. */
export function lineReport(results: LineReport): string {
  const { surroundings, figures, crowd, troubles } = results;
  const names = [...new Set(figures.map(({ shape }) => nameOf(shape)))];
  const sections = [
    `# Figures of slow lines\n\n${introduction(surroundings, `npm run bench -- --line${results.all ? " --all" : ""}`, results.took)}`,
    `## Goals\n\n${goalTable(lineGoals(results))}\n\nFloors: an idle line's NOOP.`,
    `## The lines\n\n${TEXT}`,
    ...names.map(
      (name) => `### ${name}\n\n${lineTable(figures.filter(({ shape }) => nameOf(shape) === name))}`,
    ),
    `## A crowd on loopback\n\n${CROWD}\n\n${crowdTable(crowd)}`,
    ...(troubles.length === 0 ? [] : [`## What went wrong\n\n${troubleTable(results)}`]),
  ];
  return `${sections.join("\n\n")}\n`;
}

const CROWD =
  "Ten mailboxes say NOOP in turn while a forward of the same connection carries 1 GB, three times: ms for a NOOP, and MB/s of " +
  "the forward.";

function crowdTable(figures: readonly CrowdFigure[]): string {
  const rows = figures.map(({ way, program, noops, noop50, noop99, rate }) => [
    ...[`${way}, ${program}`, String(noops), noop50.toFixed(1), `**${noop99.toFixed(1)}**`, rate.toFixed(0)],
  ]);
  return table(["", "NOOPs", "p50", "p99", "MB/s"], rows);
}

function lineTable(figures: readonly LineFigure[]): string {
  const ms = (value: number): string => value.toFixed(0);
  const rows = figures.map(({ way, program, idleGreeting, greeting, idleNoop, noop50, noop99, share }) => [
    `${way}, ${program}`,
    ...[ms(idleGreeting.median), `**${ms(greeting.median)}** (${greeting.count})`],
    ...[ms(idleNoop), ms(noop50), `**${ms(noop99)}**`, share.median.toFixed(2)],
  ]);
  const heads = ["greeting, idle", "greeting (samples)", "NOOP, idle", "NOOP, p50", "NOOP, p99", "share"];
  return table(["", ...heads], rows);
}
