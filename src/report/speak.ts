import type { Failure } from "../failure.ts";
import type { World } from "../world.ts";
import { escapeControls } from "./printable.ts";

// What preauth says, and to whom:
// - A mail client that reads its IMAP stream from standard error too (Alpine) gets nothing here: refusal.ts
//   speaks to it in IMAP.
// - Any other caller gets one line on standard error, "preauth: subject: what".
// - A person at a terminal gets the hints as well, a line for each.
// - Verbs always speak: results on standard output, trouble with its hints on standard error (results.ts).
// All text from outside is escaped here.

/** Tells of a failed mail call, where somebody but the client's IMAP parser will read it; `isVerb`: with the hints anyway. */
export function tellCaller(world: World, failure: Failure, isVerb = false): void {
  if (world.stderr === "merged" || world.stderr === "nowhere") return;
  tell(world, failure, isVerb || world.stderr === "terminal" ? failure.hints : []);
}

function tell(world: World, failure: Failure, hints: readonly string[]): void {
  world.write(
    2,
    failureLines(failure, hints)
      .map((line) => `${escapeControls(line)}\n`)
      .join(""),
  );
}

/** A failure as a person sees it: "preauth: subject: what", other lines about it, and the hints. */
export function failureLines(
  { subject, what }: Failure,
  hints: readonly string[],
  others: readonly string[] = [],
): readonly string[] {
  const lines = [`${subject}: ${what}`, ...others, ...hints.map((hint) => `hint: ${hint}`)];
  return lines.map((line) => `preauth: ${line}`);
}
