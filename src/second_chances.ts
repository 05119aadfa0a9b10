import { Failure } from "./failure.ts";

/*
 * The second chances: every case in which something that has failed is tried once more, or another way, or is not tried at
 * all. Each stands here with its limit, and the code takes it from here.
 */

/** Milliseconds for which an address that said nothing until the deadline is not tried again (state/unreachable.ts). */
export const SILENCE_REMEMBERED_MS = 30_000;

/** Milliseconds for which a login that was refused is not tried again with the same keys (state/refused.ts). */
export const REFUSAL_REMEMBERED_MS = 60_000;

/** Milliseconds for which a table that is not there is looked for again: an editor saves by renaming (call/without_table.ts). */
export const TABLE_AWAY_MS = 100;

/** Milliseconds that a master has to answer; then the call goes without it (control/callers_end.ts). */
export const MASTER_ANSWER_MS = 1_000;

/** How often a master is looked for: the first one may have ended just when it was found (control/callers_end.ts). */
export const MASTER_ATTEMPTS = 2;

/** How often a call is served by what the master holds for its server: what it waited for was ended (master/shares.ts). */
export const SHARE_ATTEMPTS = 2;

/** Sessions that a call tries before it is told that there is none: each is lost or refused by another connection (master/share.ts). */
export const SESSION_ATTEMPTS = 20;

/**
 * Milliseconds that a question may wait behind other bytes; then a session is tried on a second connection beside the busy
 * one, too, and the first to greet is taken. One such login for each busy connection (master/second_way.ts).
 */
export const BUSY_CONNECTION_MS = 1_000;

/** Milliseconds without a byte after which a session, and a spare mailbox, is tried another way (master). */
export const SESSION_SILENCE_MS = 2_000;

/** Milliseconds before a server that was busy is called again, at least, and at most so many more (session/busy_server.ts). */
export const BUSY_SERVER_PAUSE_MS = { least: 100, more: 400 } as const;

/**
 * Logins that one call may begin, whatever goes wrong: servers count them, and what looks like an attack is locked out.
 * The first may be an early one, which sends all in one flight; where that fails it is done step by step (ssh/connect.ts).
 */
const MOST_LOGINS = 3;

/** The logins that one call has left. */
export class Logins {
  #left = MOST_LOGINS;

  /** Whether this is the first one; only that may be early. */
  get isFirst(): boolean {
    return this.#left === MOST_LOGINS;
  }

  /** To be called before each. Throws a Failure when there have been enough. */
  begin(server: string): void {
    if (this.#left === 0) {
      throw new Failure("network", server, `no connection after ${MOST_LOGINS} attempts to log in`);
    }
    this.#left--;
  }
}
