import type { Failure } from "../failure.ts";
import { TableFailure } from "../table/failure.ts";
import type { World } from "../world.ts";
import { escapeControls } from "./printable.ts";

// What preauth says, and to whom:
// - A mail client that reads its IMAP stream from standard error too (Alpine) gets nothing here: refusal.ts
//   speaks to it in IMAP.
// - Any other caller gets one line on standard error, "preauth: subject: what".
// - A person at a terminal gets the hints as well, a line for each.
// - Verbs always speak: results on standard output, trouble with its hints on standard error.
// All text from outside is escaped here.

/** Tells of a failed mail call, where somebody but the client's IMAP parser will read it. */
export function tellCaller(world: World, failure: Failure): void {
  if (world.stderr === "merged" || world.stderr === "nowhere") return;
  tell(world, failure, world.stderr === "terminal" ? failure.hints : []);
}

/** Tells of a verb that failed, with the hints, and with every problem of a table. */
export function tellPerson(world: World, failure: Failure): void {
  tell(world, failure, failure.hints, failure instanceof TableFailure ? failure.problems.slice(1) : []);
}

function tell(
  world: World,
  failure: Failure,
  hints: readonly string[],
  others: readonly string[] = [],
): void {
  const lines = [`${failure.subject}: ${failure.what}`, ...others, ...hints.map((hint) => `hint: ${hint}`)];
  world.write(2, lines.map((line) => `preauth: ${escapeControls(line)}\n`).join(""));
}

/** Prints a result of a verb, a line each. */
export function print(world: World, lines: readonly string[]): void {
  world.write(1, lines.map((line) => `${escapeControls(line)}\n`).join(""));
}
