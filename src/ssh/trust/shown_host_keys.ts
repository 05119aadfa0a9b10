import { Follower } from "../../abort.ts";
import type { Person } from "../../person.ts";
import type { Progress } from "../../progress.ts";
import type { Target } from "../../target/target.ts";
import type { HostKeyCheck, UnknownKey } from "./host_key.ts";
import { HostKeyQuestion } from "./host_key_question.ts";

/** What recognising a server needs. */
export interface ShownHostKeysOptions {
  readonly progress: Progress;
  /** Aborted to give up. */
  readonly signal: AbortSignal;
  /** Who can be asked about an unknown host key. */
  readonly person?: Person;
  /** Aborted when the login is over, in whatever way: nobody is to be asked any more. */
  readonly over: AbortSignal;
  /** Ends the connection. */
  readonly fail: (reason: unknown) => void;
}

/** The host keys that a server shows, and what becomes of them. */
export class ShownHostKeys {
  readonly #target: Target;
  readonly #check: HostKeyCheck;
  readonly #options: ShownHostKeysOptions;
  readonly #question: HostKeyQuestion | undefined;
  #refusal: string | undefined;
  #unrecorded: UnknownKey | undefined;
  #isLoggedIn = false;

  constructor(target: Target, check: HostKeyCheck, options: ShownHostKeysOptions) {
    this.#target = target;
    this.#check = check;
    this.#options = options;
    this.#question = HostKeyQuestion.of(target, options.person);
  }

  /** What was wrong with a host key. */
  get refusal(): string | undefined {
    return this.#refusal;
  }

  /** The login has come to its end: keys that are renewed from now on are no step of it. */
  loggedIn(): void {
    this.#isLoggedIn = true;
  }

  /**
   * Judges a key. ssh2 takes everything but a plain `false` for a yes, and undefined for an answer to come. It asks again
   * whenever the keys are renewed, and breaks the connection then unless it is answered at once: a person is
   * asked about the first key only, which the check sees to.
   */
  verify(key: Buffer, answer: (trusted: boolean) => void): boolean | undefined {
    try {
      return this.#heed(key, answer);
    } catch (error) {
      this.#options.fail(error);
      return false;
    }
  }

  /** Only now has the server proven that the key is its own. */
  confirm(): void {
    const { progress } = this.#options;
    progress.begin("hostkey", `checking the host key of ${this.#target.server}`);
    progress.done("hostkey", this.#check.outcome);
    if (this.#unrecorded !== undefined) this.#question?.record(this.#unrecorded);
  }

  #heed(key: Buffer, answer: (trusted: boolean) => void): boolean | undefined {
    const { progress, fail } = this.#options;
    if (this.#check.isToLearn) {
      this.#learn(Buffer.from(key), answer).then((trusted) => {
        if (trusted !== undefined) answer(trusted);
      }, fail);
      return undefined;
    }
    const ruling = this.#check.rule(key);
    if (ruling.kind === "trusted") return true;
    if (!this.#isLoggedIn) progress.begin("hostkey", `checking the host key of ${this.#target.server}`);
    if (ruling.kind === "unknown" && this.#question !== undefined) {
      const asked = this.#ask(this.#question, ruling.unknown);
      asked.then(answer).catch((error) => fail(error));
      return undefined;
    }
    this.#refusal = ruling.failure.what;
    fail(ruling.failure);
    return false;
  }

  async #learn(key: Buffer, answer: (trusted: boolean) => void): Promise<boolean | undefined> {
    const { progress, over, fail } = this.#options;
    try {
      progress.begin("hostkey", "asking KnownHostsCommand about the host key");
      await this.#check.learn(key);
    } catch (error) {
      fail(error);
      return false;
    }
    return over.aborted ? false : this.verify(key, answer);
  }

  async #ask(question: HostKeyQuestion, unknown: UnknownKey): Promise<boolean> {
    const { progress, signal, over, fail } = this.#options;
    const ends = new Follower(signal, over);
    try {
      progress.begin("hostkey", `waiting for an answer about the host key of ${this.#target.server}`);
      await question.confirm(unknown, ends.signal);
    } catch (error) {
      fail(error);
      return false;
    } finally {
      ends.release();
    }
    // The server may be gone by now.
    if (over.aborted) return false;
    this.#check.accept();
    this.#unrecorded = unknown;
    return true;
  }
}
