import { print } from "../report/results.ts";
import type { World } from "../world.ts";
import type { Json } from "./document.ts";
import { type ForwardFinding, findingLines } from "./forward_report.ts";

/** Where --check puts what it finds beside the steps. */
export interface Findings {
  /** A line that the server said beside the mail. */
  remark(line: string): void;
  forward(finding: ForwardFinding): void;
  /** Something to know about INBOX. */
  note(line: string): void;
  /** How the session ended, as in "with status 0". */
  ended(how: string): void;
}

/** Prints each finding as it is made. */
export function printedFindings(world: World): Findings {
  return {
    remark: (line) => print(world, [`  the server says: ${line}`]),
    forward: (finding) => print(world, findingLines(finding)),
    note: (line) => print(world, [`note: ${line}`]),
    ended: (how) => print(world, [`ended ${how}`]),
  };
}

/** Keeps them for a JSON document: of what the server said, which may be anything, only how many lines. */
export class KeptFindings implements Findings {
  #remarks = 0;
  #ended: string | null = null;
  /** What there is to know about INBOX. */
  readonly notes: string[] = [];
  readonly #forwards: Json[] = [];

  remark(): void {
    this.#remarks++;
  }

  forward({ name, state, hint, notes, answer }: ForwardFinding): void {
    this.#forwards.push({ name, state, hint: hint ?? null, notes, answer: answer ?? null });
  }

  note(line: string): void {
    this.notes.push(line);
  }

  ended(how: string): void {
    this.#ended = how;
  }

  parts(): Readonly<Record<string, Json>> {
    return { forwards: this.#forwards, remarks: this.#remarks, ended: this.#ended };
  }
}
