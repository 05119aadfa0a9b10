import type { Settled } from "../table/decision.ts";
import type { Answers } from "./answers.ts";

/** How a connection is watched. */
export interface Watching {
  /** Milliseconds of silence before the server is asked for a sign of life. */
  readonly interval: number;
  /** So many intervals without a byte, and the connection counts as dead. */
  readonly most: number;
}

/** ssh_config's ServerAliveInterval (seconds) and ServerAliveCountMax, where they are not set: dead within 45 s. */
const USUAL_ALIVE = { interval: 15, most: 3 } as const;

/** ssh(1) does not ask at all unless it is told to; who waits for mail wants to know. */
export function watchingOf(config: Answers): Settled<Watching> {
  const { value, from } = config.number("serveraliveinterval", USUAL_ALIVE.interval, 1);
  const most = config.number("serveralivecountmax", USUAL_ALIVE.most, 1).value;
  return { value: { interval: value * 1000, most }, from };
}
