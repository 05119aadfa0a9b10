import type { Person } from "../person.ts";

/** Asks until an answer is good. */
export class Asker {
  readonly #person: Person;
  readonly #signal: AbortSignal;

  constructor(person: Person, signal: AbortSignal) {
    this.#person = person;
    this.#signal = signal;
  }

  /** One line; the default for an empty one. */
  async line(question: string, usual: string, isGood: (answer: string) => boolean): Promise<string> {
    for (;;) {
      const shown = usual === "" ? `${question}: ` : `${question} [${usual}]: `;
      const answer = (await this.#person.ask(shown, { echo: true, signal: this.#signal })).trim() || usual;
      if (isGood(answer)) return answer;
      this.#person.tell([`"${answer}" is not one`]);
    }
  }

  /** What nobody is to see, typed twice; empty where the person wants none. */
  async secret(question: string): Promise<string> {
    const hidden = { echo: false, signal: this.#signal };
    for (;;) {
      const answer = await this.#person.ask(`${question} (empty for none): `, hidden);
      if (answer === "" || (await this.#person.ask("the same again: ", hidden)) === answer) return answer;
      this.#person.tell(["the two passphrases differ"]);
    }
  }

  async yes(question: string, usual: "yes" | "no"): Promise<boolean> {
    return (await this.line(question, usual, (answer) => /^(y|yes|n|no)$/i.test(answer)))
      .toLowerCase()
      .startsWith("y");
  }

  tell(lines: readonly string[]): void {
    this.#person.tell(lines);
  }
}
