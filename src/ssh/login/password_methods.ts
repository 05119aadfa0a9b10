import type { AnyAuthMethod, Prompt } from "ssh2";
import type { Method } from "../../target/methods.ts";
import type { Target } from "../../target/target.ts";
import type { Questions } from "./questions.ts";

/** The methods for which a person is asked: keyboard-interactive (RFC 4256) and password (RFC 4252 section 8). */
export class PasswordMethods {
  readonly #asking: Questions;
  readonly #target: Target;
  #passwords = 0;
  #rounds = 0;
  /** Whether the server has asked anything since keyboard-interactive was last begun. */
  #wasAsked = true;
  #isOver = false;

  constructor(asking: Questions, target: Target) {
    this.#asking = asking;
    this.#target = target;
  }

  /** From now on ssh2 is told nothing any more. */
  close(): void {
    this.#isOver = true;
  }

  /** Whether anything was typed for a method that was just tried. */
  wasAskedFor(method: "none" | Method): method is Method {
    return method === "password" || (method === "keyboard-interactive" && this.#wasAsked);
  }

  /** What the server says without asking anything. */
  instruct(name: string, instruction: string): void {
    this.#wasAsked = true;
    this.#asking.instruct(name, instruction);
  }

  /** Undefined when it has been tried often enough, or without a question: the server would refuse so again. */
  interactive(): AnyAuthMethod | undefined {
    const { user, passwordPrompts } = this.#target;
    if (this.#rounds >= passwordPrompts.value || !this.#wasAsked) return undefined;
    if (this.#rounds++ > 0) this.#asking.again();
    this.#wasAsked = false;
    return {
      ...{ type: "keyboard-interactive", username: user.value },
      prompt: (name, instruction, _language, prompts, finish) => {
        this.instruct(name, instruction);
        this.#answer(prompts, finish);
      },
    };
  }

  /** Undefined when it has been tried often enough. Rejects as Person.ask() does. */
  async password(): Promise<AnyAuthMethod | undefined> {
    const { user, passwordPrompts } = this.#target;
    if (this.#passwords >= passwordPrompts.value) return undefined;
    if (this.#passwords++ > 0) this.#asking.again();
    return { type: "password", username: user.value, password: await this.#asking.password() };
  }

  #answer(prompts: readonly Prompt[], finish: (answers: string[]) => void): void {
    this.#asking.answers(prompts).then(
      (answers) => {
        if (!this.#isOver) finish(answers);
      },
      // The end of the login, which Questions tells by itself.
      () => {},
    );
  }
}
