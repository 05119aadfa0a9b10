import type { Failure } from "../failure.ts";
import { TableFailure } from "../table/failure.ts";
import type { World } from "../world.ts";
import { type Colour, inColour, showsColours } from "./colour.ts";
import { fitted } from "./fit.ts";
import { escapeButTabs, escapeControls } from "./printable.ts";
import { failureLines } from "./speak.ts";

// What verbs say. On a terminal each line takes as many as it needs there; elsewhere it stays one.

/** A line, and the colour that it has on a terminal. */
export type Line = string | { readonly text: string; readonly colour: Colour };

/** Tells of a verb that failed, with the hints, and with every problem of a table. */
export function tellPerson(world: World, failure: Failure): void {
  const others = failure instanceof TableFailure ? failure.problems.slice(1) : [];
  show(world, 2, failureLines(failure, failure.hints, others));
}

/** Tells of something that is well, and not as one would expect. */
export function remark(world: World, text: string): void {
  show(world, 2, [`preauth: ${text}`]);
}

/** Prints a result of a verb, a line each. */
export function print(world: World, lines: readonly Line[]): void {
  show(world, 1, lines);
}

/** Prints lines that are for a program, or to be pasted, whole on a terminal too. Part of them may be a server's. */
export function printWhole(world: World, lines: readonly string[]): void {
  world.write(1, lines.map((line) => `${escapeButTabs(line)}\n`).join(""));
}

function show(world: World, descriptor: 1 | 2, lines: readonly Line[]): void {
  const columns = world.columns(descriptor);
  const isColoured = showsColours(world, descriptor);
  const shown = lines.flatMap((line) => {
    const { text, colour } = typeof line === "string" ? { text: line, colour: undefined } : line;
    const pieces = fitted(escapeControls(text), columns);
    return colour === undefined || !isColoured ? pieces : pieces.map((piece) => inColour(piece, colour));
  });
  world.write(descriptor, shown.map((line) => `${line}\n`).join(""));
}
