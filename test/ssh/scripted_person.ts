import type { Person } from "../../src/person.ts";

/** What a person does when asked: says something, turns away with an error, or thinks for ever. */
export type Answer = string | Error | "(thinks)";

/** Somebody who answers by a script, and has seen all that was shown. */
export class ScriptedPerson implements Person {
  readonly told: string[] = [];
  readonly asked: string[] = [];
  readonly #answers: Answer[];
  readonly #questioned: PromiseWithResolver;

  constructor(...answers: Answer[]) {
    this.#answers = answers;
    this.#questioned = withResolver();
  }

  /** Resolves at the first question, with the signal that was given along. */
  get questioned(): Promise<AbortSignal> {
    return this.#questioned.promise;
  }

  tell(lines: readonly string[]): void {
    this.told.push(...lines);
  }

  async ask(question: string, { signal }: { readonly signal: AbortSignal }): Promise<string> {
    this.asked.push(question);
    this.#questioned.resolve(signal);
    const answer = this.#answers.shift() ?? new Error("asked once too often");
    if (answer instanceof Error) throw answer;
    if (answer !== "(thinks)") return answer;
    return new Promise((_resolve, reject) => {
      signal.addEventListener("abort", () => reject(signal.reason));
    });
  }
}

interface PromiseWithResolver {
  readonly promise: Promise<AbortSignal>;
  readonly resolve: (signal: AbortSignal) => void;
}

function withResolver(): PromiseWithResolver {
  let resolve: (signal: AbortSignal) => void = () => {};
  const promise = new Promise<AbortSignal>((done) => {
    resolve = done;
  });
  return { promise, resolve };
}
