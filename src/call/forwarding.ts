import { whenAborted } from "../abort.ts";
import type { Held } from "../forwards/hold.ts";
import type { Opened } from "../session/opening.ts";
import type { Decision } from "../table/decision.ts";
import type { Caller } from "./caller.ts";

/** The forwards that come with a mailbox. They are brought up beside it, and never hold it up or break it. */
export class Forwarding {
  readonly #caller: Caller;
  readonly #starting = new AbortController();
  #held: Held | undefined;

  constructor(caller: Caller, decision: Decision, opened: Opened) {
    this.#caller = caller;
    if (decision.forwards.length > 0) void this.#start(decision, opened);
  }

  async #start(decision: Decision, opened: Opened): Promise<void> {
    const { world, note, server } = this.#caller;
    const { signal } = this.#starting;
    try {
      const [{ carrierOf, holdForwardsOver }, { ownSessions }] = await Promise.all([
        import("../session/carrier.ts"),
        import("../session/own_sessions.ts"),
      ]);
      const ownNote = (line: string): void => note(`${server}: ${line}`);
      const carrier = carrierOf(opened, ownSessions(decision, world, ownNote));
      this.#held = await holdForwardsOver(carrier, world, decision, {
        note: ownNote,
        signal,
        retry: RETRY_MS,
      });
    } catch (error) {
      if (!signal.aborted)
        note(`${server}: forwards: ${error instanceof Error ? error.stack : String(error)}`);
    }
  }

  /** The mailbox has ended: the ports are free for others at once, and what is being sent is let through. */
  async finish(): Promise<void> {
    this.#starting.abort();
    const held = this.#held;
    held?.stopListening();
    const { client, note, server, broken } = this.#caller;
    if (held === undefined || held.connections === 0 || broken.aborted) return;
    note(`${server}: waiting for ${held.connections} forwarded connections`);
    client.leave();
    await Promise.race([held.idle(), whenAborted(broken)]);
    held.close();
  }
}

/** How often a port that another mailbox's process holds is asked for again: when that one ends, somebody must follow. */
const RETRY_MS = 5_000;
