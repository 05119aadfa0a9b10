import { Follower } from "../abort.ts";
import { Failure } from "../failure.ts";
import { type Person, watched } from "../person.ts";
import type { Progress } from "../progress.ts";
import { quoted } from "../shell_word.ts";
import type { Decision } from "../table/decision.ts";
import type { World } from "../world.ts";

/** What a deadline needs to know of what it is for. */
export interface DeadlineOptions {
  readonly world: Pick<World, "elapsed">;
  readonly progress: Progress;
  /** Aborted, with the reason to throw, when whoever wanted it no longer does. */
  readonly broken: AbortSignal;
  /** Milliseconds beyond the deadline, for one who waits for somebody else to keep it. Default: none. */
  readonly grace?: number;
  /** Who may be asked something meanwhile. */
  readonly person?: Person | undefined;
}

/**
 * Does something within the decision's deadline, which counts from the start of the program, without the time that the
 * person takes to answer.
 */
export async function inTime<T>(
  decision: Decision,
  { world, progress, broken, grace = 0, person }: DeadlineOptions,
  work: (signal: AbortSignal, person: Person | undefined) => Promise<T>,
): Promise<T> {
  const ends = new Follower(broken);
  const limit = decision.deadline.value;
  const expire = (): void => ends.abort(outOfTime(decision.server, progress.doing, limit));
  const deadline = new Deadline(limit + grace - world.elapsed(), expire);
  try {
    return await work(ends.signal, person && deadline.patient(person));
  } catch (error) {
    // A question that is still open is withdrawn: the server may have hung up meanwhile.
    ends.abort(error);
    throw error;
  } finally {
    deadline.end();
    ends.release();
  }
}

/** Out of time; `doing` as in "logging in to imap.example.org", `limit` in milliseconds. */
export function outOfTime(server: string, doing: string, limit: number): Failure {
  const hints = SIGNING.test(doing)
    ? [
        `let the key be used in time, or log in where preauth waits for that: preauth --login ${quoted(server)}`,
      ]
    : [];
  return new Failure("deadline", server, expired(doing, limit), { hints });
}

/** What the user has to do then: answer the agent, or touch a security key. */
const SIGNING = /^waiting for the agent to sign/;

/** What a Failure of `outOfTime` tells. What is wrong comes first: Alpine shows the first 60 columns or so. */
export function expired(doing: string, limit: number): string {
  const time = limit < 1000 || limit % 100 !== 0 ? `${limit} ms` : `${limit / 1000} s`;
  return `timed out ${doing} after ${time}`;
}

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
