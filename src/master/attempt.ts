import { orAborted } from "../abort.ts";
import { Progress } from "../progress.ts";

/**
 * Something that several callers wait for and that is done once: a login. It goes on as long as one of them still
 * waits; what it comes to is for all of them.
 */
export class Attempt<T> {
  /** How far it has come, for the message of a caller whose time is over. */
  readonly progress = new Progress();
  readonly #given = new AbortController();
  readonly #outcome: Promise<T>;
  #waiting = 0;

  /** `work` must heed the signal. */
  constructor(work: (signal: AbortSignal, progress: Progress) => Promise<T>) {
    this.#outcome = work(this.#given.signal, this.progress);
    // Nobody may be left who hears of its failure.
    this.#outcome.catch(() => {});
  }

  /** Whether nobody waits any more, so that it is being given up. */
  get isGivenUp(): boolean {
    return this.#given.signal.aborted;
  }

  /** Gives it up, whoever waits; `reason` is what they are told. */
  give(reason: unknown): void {
    this.#given.abort(reason);
  }

  /** Waits for the outcome; rejects with the signal's reason when that is aborted before. */
  async wait(signal: AbortSignal): Promise<T> {
    this.#waiting++;
    try {
      return await orAborted(this.#outcome, signal);
    } catch (error) {
      if (this.#waiting === 1) this.#given.abort(error);
      throw error;
    } finally {
      this.#waiting--;
    }
  }
}
