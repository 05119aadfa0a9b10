import type { Note } from "../report/note.ts";
import { type OpeningOptions, openConnection } from "../session/opening.ts";
import type { Decision } from "../table/decision.ts";
import { Attempt } from "./attempt.ts";
import { SharedConnection } from "./shared_connection.ts";

/** What was waited for has been ended by --stop: whoever still wants it is served anew. */
export class ShareOver extends Error {}

/** The connections of one share, and the attempt at another one that its callers wait for together. */
export class Connections {
  readonly #note: Note;
  readonly #onChange: () => void;
  readonly #all = new Set<SharedConnection>();
  #attempt: Attempt<SharedConnection> | undefined;
  #hasConnected = false;
  #isOver = false;

  /** `onChange` is called when a session or a connection has ended. */
  constructor(note: Note, onChange: () => void) {
    this.#note = note;
    this.#onChange = onChange;
  }

  get all(): readonly SharedConnection[] {
    return [...this.#all];
  }

  /** The first that may take another session. */
  get usable(): SharedConnection | undefined {
    return this.all.find(({ isUsable }) => isUsable);
  }

  /** The first that has not ended. */
  get alive(): SharedConnection | undefined {
    return this.all.find(({ isOver }) => !isOver);
  }

  /** Whether there has ever been one. */
  get hasConnected(): boolean {
    return this.#hasConnected;
  }

  /**
   * A connection that may take another session; made, once for all who wait, where there is none. `line`: the command
   * that whoever has it made starts on it at once.
   */
  async get(
    decision: Decision,
    options: OpeningOptions,
    signal: AbortSignal,
    line?: string,
  ): Promise<SharedConnection> {
    if (this.#isOver) throw new ShareOver();
    const { usable } = this;
    if (usable !== undefined) return usable;
    const attempt = this.#attempt?.isGivenUp === false ? this.#attempt : this.#begin(decision, options, line);
    options.progress.follow(attempt.progress);
    return attempt.wait(signal);
  }

  /** Makes one, whoever else is waiting for another. Throws a Failure. */
  async make(decision: Decision, options: OpeningOptions, line?: string): Promise<SharedConnection> {
    const connected = await openConnection(decision, options, line);
    this.#hasConnected = true;
    const { server } = decision;
    const shared = new SharedConnection(connected, () => {
      if (shared.isOver && this.#all.delete(shared)) {
        this.#note(`${server}: the connection has ended: ${shared.reason}`);
      }
      this.#onChange();
    });
    if (this.#isOver) {
      await shared.stop();
      throw new ShareOver();
    }
    this.#all.add(shared);
    if (line === undefined) shared.liveness.ask();
    // Those who wait for the connection come first. Whoever wanted the command may have gone by now.
    else setImmediate(() => shared.connection.dropEarly());
    return shared;
  }

  /** Takes leave of all servers, also of those that are being logged in to. */
  async close(): Promise<void> {
    this.#isOver = true;
    this.#attempt?.give(new ShareOver());
    const leaving = this.all.map((connection) => connection.stop());
    this.#all.clear();
    await Promise.all(leaving);
  }

  #begin(decision: Decision, options: OpeningOptions, line: string | undefined): Attempt<SharedConnection> {
    const attempt = new Attempt(async (broken, progress) => {
      try {
        return await this.make(decision, { ...options, broken, progress }, line);
      } finally {
        // Before anybody who waits goes on: it may need yet another connection.
        if (this.#attempt === attempt) this.#attempt = undefined;
      }
    });
    this.#attempt = attempt;
    return attempt;
  }
}
