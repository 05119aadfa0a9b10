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
  /** The attempt at a second connection beside one that was busy; there is none beside that. */
  readonly #besides = new Map<SharedConnection, Attempt<SharedConnection>>();
  readonly #seconds = new WeakSet<SharedConnection>();
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

  /** The first that may take another session; one where it would have to wait only where there is no other. */
  get usable(): SharedConnection | undefined {
    const usable = this.all.filter(({ isUsable }) => isUsable);
    return usable.find(({ liveness }) => !liveness.isBusy) ?? usable[0];
  }

  /** The first that has not ended. */
  get alive(): SharedConnection | undefined {
    return this.all.find(({ isOver }) => !isOver);
  }

  /** Whether they have been ended. */
  get isOver(): boolean {
    return this.#isOver;
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

  /**
   * Another connection for who waits on a busy one: made once for each, for all who wait. Undefined where that has been
   * tried and has come to nothing.
   */
  beside(
    busy: SharedConnection,
    decision: Decision,
    options: OpeningOptions,
    line?: string,
  ): Promise<SharedConnection> | undefined {
    const { usable } = this;
    if (usable !== undefined && usable !== busy && !usable.liveness.isBusy) return Promise.resolve(usable);
    const made = this.#besides.get(busy);
    if (this.#isOver || made?.isGivenUp === true || this.#seconds.has(busy)) return undefined;
    const attempt = made ?? this.#beginBeside(busy, decision, options, line);
    return attempt.wait(options.broken);
  }

  #beginBeside(
    busy: SharedConnection,
    decision: Decision,
    options: OpeningOptions,
    line: string | undefined,
  ): Attempt<SharedConnection> {
    this.#note(`${decision.server}: the connection is busy: another one beside it`);
    const attempt = new Attempt(async (broken, progress) => {
      const second = await this.make(decision, { ...options, broken, progress }, line);
      this.#seconds.add(second);
      return second;
    });
    this.#besides.set(busy, attempt);
    return attempt;
  }

  /** Makes one, whoever else is waiting for another. Throws a Failure. */
  async make(decision: Decision, options: OpeningOptions, line?: string): Promise<SharedConnection> {
    const connected = await openConnection(decision, options, line);
    this.#hasConnected = true;
    const { server } = decision;
    const shared = new SharedConnection(connected, () => {
      if (shared.isOver && this.#all.delete(shared)) {
        this.#besides.delete(shared);
        this.#note(`${server}: the connection has ended: ${shared.reason}`);
      }
      this.#onChange();
    });
    if (this.#isOver) {
      await shared.stop();
      throw new ShareOver();
    }
    this.#all.add(shared);
    if (line === undefined) shared.liveness.probe();
    // Those who wait for the connection come first. Whoever wanted the command may have gone by now.
    else setImmediate(() => shared.connection.dropEarly());
    return shared;
  }

  /** Takes leave of all servers, also of those that are being logged in to. */
  async close(): Promise<void> {
    this.#isOver = true;
    for (const attempt of [this.#attempt, ...this.#besides.values()]) attempt?.give(new ShareOver());
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
