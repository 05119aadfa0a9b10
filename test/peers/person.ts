import { Failure } from "../../src/failure.ts";
import type { Person } from "../../src/person.ts";

/** Somebody who answers what the test expects to be asked, and remembers all of it. */
export interface Scripted extends Person {
  /** Every question, with whether the answer was shown; and every line told. */
  readonly seen: readonly string[];
}

/** An answer; "gone" ends the input, and "never" does not answer at all. */
export type Reply = string | { readonly is: "gone" | "never" };

/** A person with these answers, in order. A question too many is a "gone" too. */
export function somebody(...replies: readonly Reply[]): Scripted {
  const seen: string[] = [];
  const left = [...replies];
  return {
    seen,
    tell: (lines) => void seen.push(...lines),
    ask: (question, { echo, signal }) => {
      seen.push(`${question}${echo ? "(shown)" : ""}`);
      const reply = left.shift() ?? { is: "gone" };
      if (typeof reply === "string") return Promise.resolve(reply);
      if (reply.is === "gone") return Promise.reject(new Failure("gone", "terminal", "end of input"));
      return new Promise((_resolve, reject) => {
        signal.addEventListener("abort", () => reject(signal.reason));
      });
    },
  };
}
