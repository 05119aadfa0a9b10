import type { Persist } from "../table/table.ts";

/** Milliseconds between two looks at the clock, which may jump. */
const LONGEST_WAIT = 30_000;

/** The longest of some times, 0 of none. */
export function longest(times: readonly Persist[]): Persist {
  const finite = times.filter((time) => time !== "forever");
  return finite.length < times.length ? "forever" : Math.max(0, ...finite);
}

/** A time that runs out, or never does. */
class Term {
  #until: number | "forever" = 0;
  /** The longest that it has been given. */
  #time = 0;

  /** Milliseconds since 1970. A clock that was set back does not make it last longer. */
  get until(): number | "forever" {
    if (this.#until !== "forever") this.#until = Math.min(this.#until, Date.now() + this.#time);
    return this.#until;
  }

  /** It lasts for `time` from now, whatever it had before. */
  begin(time: Persist): void {
    this.#time = time === "forever" ? 0 : time;
    this.#until = time === "forever" ? time : Date.now() + time;
  }

  /** It lasts for `time` from now, at least. */
  extend(time: Persist): void {
    const { until } = this;
    if (until === "forever") return;
    if (time === "forever") {
      this.begin(time);
      return;
    }
    this.#time = Math.max(this.#time, time);
    this.#until = Math.max(until, Date.now() + time);
  }
}

/** How long something stays that nobody uses: a time after its last use, and any time that it was given beside that. */
export class Lifetime {
  /** How long it stays after its last use. */
  persist: Persist = 0;
  readonly #isIdle: () => boolean;
  readonly #onOver: () => void;
  /** After the last use. */
  readonly #afterUse = new Term();
  readonly #promised = new Term();
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
    return this.#isIdle() ? this.#end : undefined;
  }

  /** It stays for `time` from now, at least. */
  extend(time: Persist): void {
    this.#promised.extend(time);
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
    if (this.#wasUsed) this.#afterUse.begin(this.persist);
    this.#wasUsed = false;
    const end = this.#end;
    if (end === "forever") return;
    const left = end - Date.now();
    if (left <= 0) this.#onOver();
    else this.#timer = setTimeout(() => this.look(), Math.min(left, LONGEST_WAIT));
  }

  /** Its uses do not make it stay any more. */
  lapse(): void {
    this.persist = 0;
    this.#wasUsed = false;
    this.#afterUse.begin(0);
  }

  /** It stays no longer than it is used. */
  cut(): void {
    this.lapse();
    this.#promised.begin(0);
  }

  stop(): void {
    clearTimeout(this.#timer);
  }

  get #end(): number | "forever" {
    const [one, other] = [this.#afterUse.until, this.#promised.until];
    return one === "forever" || other === "forever" ? "forever" : Math.max(one, other);
  }
}
