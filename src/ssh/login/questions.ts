import type { KeyObject } from "node:crypto";
import type { Prompt } from "ssh2";
import type { Person } from "../../person.ts";
import { lines } from "../../report/lines.ts";
import { escapeControls } from "../../report/printable.ts";
import type { Target } from "../../target/target.ts";

/** What a server may show of its own words in one go. */
const MOST_LINES = 40;

/** What asking needs. */
export interface QuestionsOptions {
  readonly person: Person;
  readonly signal: AbortSignal;
  /** "jane@mail.example.org", before a prompt of the server's as ssh(1) has it, lest it pass for one of ours. */
  readonly account: string;
  /** How often each passphrase is asked for. */
  readonly tries: number;
  /** Told when the person has gone, or the signal was aborted: there is nobody to ask any more. */
  readonly onEnd: (reason: unknown) => void;
}

/** The questions of a login, to somebody at a terminal. Each rejects as Person.ask() does. */
export class Questions {
  readonly #person: Person;
  readonly #signal: AbortSignal;
  readonly #tries: number;
  readonly #account: string;
  readonly #onEnd: (reason: unknown) => void;

  /** For the account of a target; undefined where nobody can be asked. */
  static of(
    person: Person | undefined,
    { user, host, passwordPrompts }: Target,
    options: Pick<QuestionsOptions, "signal" | "onEnd">,
  ): Questions | undefined {
    const account = `${user.value}@${host.value}`;
    return person && new Questions({ ...options, person, account, tries: passwordPrompts.value });
  }

  constructor({ person, signal, account, tries, onEnd }: QuestionsOptions) {
    this.#person = person;
    this.#signal = signal;
    this.#account = account;
    this.#tries = tries;
    this.#onEnd = onEnd;
  }

  /** Unlocks a key file; undefined when nothing is typed, or never its passphrase. */
  async unlockKey(
    path: string,
    unlock: (passphrase: string, signal: AbortSignal) => Promise<KeyObject | undefined>,
  ): Promise<KeyObject | undefined> {
    for (let left = this.#tries; left > 0; left--) {
      const passphrase = await this.#ask(`Enter passphrase for key '${path}': `, false);
      if (passphrase === "") return undefined;
      const key = await this.meanwhile(() => unlock(passphrase, this.#signal));
      if (key !== undefined) return key;
      this.#person.tell([`${path}: this is not its passphrase`]);
    }
    return undefined;
  }

  /** Waits for what the person does elsewhere, or has begun here: that is no time of the server's. */
  meanwhile<T>(work: () => Promise<T>): Promise<T> {
    return this.#person.wait?.(work) ?? work();
  }

  password(): Promise<string> {
    return this.#ask(`${this.#account}'s password: `, false);
  }

  again(): void {
    this.#person.tell(["permission denied, please try again"]);
  }

  /** The server's name for what it asks for, and what it says about it: RFC 4256 section 3.2. */
  instruct(name: string, instruction: string): void {
    const said = lines(`${name}\n${instruction}`).slice(0, MOST_LINES);
    if (said.length > 0) this.#person.tell(said.map(escapeControls));
  }

  /** An answer to each prompt of a round. */
  async answers(prompts: readonly Prompt[]): Promise<string[]> {
    const answers: string[] = [];
    for (const { prompt, echo = false } of prompts) {
      const said = escapeControls(prompt.trimEnd());
      answers.push(await this.#ask(`(${this.#account}) ${said} `, echo));
    }
    return answers;
  }

  async #ask(question: string, echo: boolean): Promise<string> {
    try {
      return await this.#person.ask(escapeControls(question), { echo, signal: this.#signal });
    } catch (error) {
      this.#onEnd(error);
      throw error;
    }
  }
}
