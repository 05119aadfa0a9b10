import { Failure } from "../../src/failure.ts";
import type { Person } from "../../src/person.ts";

/** Somebody who answers what the test expects to be asked, and remembers all of it. */
export interface Scripted extends Person {
  /** Every question, with whether the answer was shown; and every line told. */
  readonly seen: readonly string[];
  readonly asked: readonly string[];
  readonly told: readonly string[];
  /** Resolves at the first question, with the signal that was given along. */
  readonly questioned: Promise<AbortSignal>;
}

/** An answer; "gone" ends the input, "never" does not answer at all, and an error is thrown. */
export type Reply = string | Error | { readonly is: "gone" | "never" };

/** A person with these answers, in order. A question too many is a "gone" too. */
export function somebody(...replies: readonly Reply[]): Scripted {
  const seen: string[] = [];
  const asked: string[] = [];
  const told: string[] = [];
  const left = [...replies];
  let onQuestion: (signal: AbortSignal) => void = () => {};
  const questioned = new Promise<AbortSignal>((resolve) => {
    onQuestion = resolve;
  });
  return {
    ...{ seen, asked, told, questioned },
    tell: (lines) => {
      seen.push(...lines);
      told.push(...lines);
    },
    ask: async (question, { echo, signal }) => {
      seen.push(`${question}${echo ? "(shown)" : ""}`);
      asked.push(question);
      onQuestion(signal);
      const reply = left.shift() ?? { is: "gone" };
      if (typeof reply === "string") return reply;
      if (reply instanceof Error) throw reply;
      if (reply.is === "gone") throw new Failure("gone", "terminal", "end of input");
      return new Promise((_resolve, reject) => {
        signal.addEventListener("abort", () => reject(signal.reason));
      });
    },
  };
}
