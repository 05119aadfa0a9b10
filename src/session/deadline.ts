import { type Person, watched } from "../person.ts";

/** A time limit that stands still while somebody is asked: people type as slowly as they like. */
export class Deadline {
  readonly #onExpiry: () => void;
  /** Milliseconds that were left when it last began to run. */
  #left: number;
  #since = 0;
  #timer: NodeJS.Timeout | undefined;
  #isOver = false;

  /** Runs at once, and calls `onExpiry` when `left` milliseconds have passed. */
  constructor(left: number, onExpiry: () => void) {
    this.#left = left;
    this.#onExpiry = onExpiry;
    this.#run();
  }

  /** The person, asked in time that does not count. One question at a time. */
  patient(person: Person): Person {
    return watched(person, { onAsked: () => this.#pause(), onAnswered: () => this.#run() });
  }

  /** It is of no use any more, and will not expire. */
  end(): void {
    this.#isOver = true;
    clearTimeout(this.#timer);
  }

  #run(): void {
    if (this.#isOver) return;
    this.#since = performance.now();
    this.#timer = setTimeout(this.#onExpiry, Math.max(0, this.#left));
  }

  #pause(): void {
    clearTimeout(this.#timer);
    this.#left -= performance.now() - this.#since;
  }
}
