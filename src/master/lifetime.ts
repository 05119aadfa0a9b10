import type { Persist } from "../table/table.ts";

/** Milliseconds between two looks at the clock, which may jump. */
const LONGEST_WAIT = 30_000;

/** How long something stays that nobody uses: a time after its last use. */
export class Lifetime {
  /** How long it stays after its last use. */
  persist: Persist = 0;
  readonly #isIdle: () => boolean;
  readonly #onOver: () => void;
  #until: number | "forever" = 0;
  /** The longest time that it has been given. */
  #longest = 0;
  /** Whether it has been in use since its time was last set. */
  #wasUsed = false;
  #timer: NodeJS.Timeout | undefined;

  /** `onOver` is called when its time is over and it `isIdle`. */
  constructor(isIdle: () => boolean, onOver: () => void) {
    this.#isIdle = isIdle;
    this.#onOver = onOver;
  }

  /** Milliseconds since 1970; undefined while it is in use. */
  get until(): number | "forever" | undefined {
    return this.#isIdle() ? this.#until : undefined;
  }

  /** It stays for `time` from now, at least. */
  extend(time: Persist): void {
    if (time === "forever" || this.#until === "forever") {
      this.#until = "forever";
      return;
    }
    this.#longest = Math.max(this.#longest, time);
    this.#until = Math.max(this.#until, Date.now() + time);
  }

  /** It is used, if only for a moment. */
  use(): void {
    this.#wasUsed = true;
  }

  /** Something has begun or ended: is its time over, and if not, when? */
  look(): void {
    clearTimeout(this.#timer);
    if (!this.#isIdle()) {
      this.use();
      return;
    }
    if (this.#wasUsed) this.extend(this.persist);
    this.#wasUsed = false;
    if (this.#until === "forever") return;
    // A clock that was set back must not make it stay longer.
    this.#until = Math.min(this.#until, Date.now() + this.#longest);
    const left = this.#until - Date.now();
    if (left <= 0) this.#onOver();
    else this.#timer = setTimeout(() => this.look(), Math.min(left, LONGEST_WAIT));
  }

  /** It stays no longer than it is used. */
  cut(): void {
    this.persist = 0;
    this.#until = 0;
    this.#longest = 0;
    this.#wasUsed = false;
  }

  stop(): void {
    clearTimeout(this.#timer);
  }
}
