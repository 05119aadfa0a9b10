import { Progress } from "../progress.ts";
import type { Note } from "../report/note.ts";
import { Logins } from "../second_chances.ts";
import { inTime } from "../session/deadline.ts";
import type { OpeningOptions } from "../session/opening.ts";
import type { Decision } from "../table/decision.ts";
import type { SharedConnection } from "./shared_connection.ts";
import { type Placed, SpareCommand } from "./spare_command.ts";

/** Starts a session as any call would. */
export type Start = (decision: Decision, options: OpeningOptions, signal: AbortSignal) => Promise<Placed>;

/** A spare mailbox is replaced after so many milliseconds: an imapd may log out whom it has not heard for 30 min (RFC 3501 section 5.4). */
const RENEWAL = 20 * 60_000;

/** Milliseconds before the next attempt to have one, after one that failed; doubled each time. */
const FIRST_PAUSE = 1_000;
const LONGEST_PAUSE = 5 * 60_000;

/** Mailboxes that are open in advance: for each remote command that is wanted one, with its greeting read. */
export class SpareKeeper {
  readonly #note: Note;
  readonly #start: Start;
  /** Called when one has come or gone. */
  readonly #onChange: () => void;
  readonly #spares = new Map<string, Spare>();

  constructor(note: Note, start: Start, onChange: () => void) {
    this.#note = note;
    this.#start = start;
    this.#onChange = onChange;
  }

  get count(): number {
    return [...this.#spares.values()].filter(({ on }) => on !== undefined).length;
  }

  countOn(connection: SharedConnection): number {
    return [...this.#spares.values()].filter(({ on }) => on === connection).length;
  }

  /** Sees to it that there is one for calls like this, where the table wants that. */
  want(decision: Decision, options: OpeningOptions): void {
    if (!mayHaveOne(decision)) return;
    const key = keyOf(decision);
    const spare = this.#spares.get(key) ?? new Spare(this.#note, this.#start, this.#onChange);
    this.#spares.set(key, spare);
    spare.servers.add(decision.server.toLowerCase());
    spare.want(decision, options);
  }

  /** The one for this call, if it can be relied upon. `start` serves the call where it turns out to be dead. */
  take(
    decision: Decision,
    options: OpeningOptions,
    start: (signal: AbortSignal) => Promise<Placed>,
  ): Placed | undefined {
    if (decision.method !== "imap") return undefined;
    this.forgetOld(decision);
    if (!mayHaveOne(decision)) return undefined;
    const taken = this.#spares.get(keyOf(decision))?.take(options);
    if (taken === undefined) return undefined;
    const again = (): Promise<Placed> => inTime(decision, options, start);
    return { ...taken, remote: new SpareCommand(taken, taken.on.liveness, again) };
  }

  close(): void {
    for (const spare of this.#spares.values()) spare.close();
    this.#spares.clear();
  }

  /** The table has one line for a SERVER: what calls for it have wanted before, and do not now, is not there any more. */
  forgetOld(decision: Decision): void {
    const key = mayHaveOne(decision) ? keyOf(decision) : undefined;
    for (const [other, spare] of this.#spares) {
      if (other === key || !spare.servers.delete(decision.server.toLowerCase())) continue;
      if (spare.servers.size > 0) continue;
      this.#spares.delete(other);
      spare.close();
      this.#note(`${decision.server}: spare: the table wants another one, or none`);
    }
  }
}

function mayHaveOne(decision: Decision): boolean {
  return decision.spare.value > 0 && decision.method === "imap" && !wantsLogin(decision);
}

/** Such a server soon hangs up on who does not log in. */
function wantsLogin({ command }: Decision): boolean {
  return command?.value.kind === "port" && command.value.login !== "nobody";
}

function keyOf({ command }: Decision): string {
  return JSON.stringify(command?.value);
}

/** A mailbox that waits to be taken. */
interface Kept {
  readonly placed: Placed;
  /** Where its remarks go; changed when it is taken. */
  readonly ear: { hear: (line: string) => void };
}

/** One spare mailbox, replaced when it is taken, has ended or grows old. */
class Spare {
  /** SERVER of the calls that it is for. */
  readonly servers = new Set<string>();
  readonly #note: Note;
  readonly #start: Start;
  /** Called when one has come or gone. */
  readonly #onChange: () => void;
  readonly #over = new AbortController();
  #kept: Kept | undefined;
  /** Stops waiting for its end; to be called when it is taken, and only then: a dropped one must be read to its end. */
  #release: () => void = () => {};
  #wanted: { readonly decision: Decision; readonly options: OpeningOptions } | undefined;
  #isMaking = false;
  #pause = FIRST_PAUSE;
  #timer: NodeJS.Timeout | undefined;

  constructor(note: Note, start: Start, onChange: () => void) {
    this.#note = note;
    this.#start = start;
    this.#onChange = onChange;
  }

  /** The connection it is on; undefined when there is none. */
  get on(): SharedConnection | undefined {
    return this.#kept?.placed.on;
  }

  want(decision: Decision, options: OpeningOptions): void {
    this.#wanted = { decision, options };
    if (this.#kept === undefined) void this.#make();
  }

  take({ onRemark }: OpeningOptions): Placed | undefined {
    const kept = this.#kept;
    if (kept === undefined || !kept.placed.on.liveness.isFresh) return undefined;
    this.#kept = undefined;
    clearTimeout(this.#timer);
    this.#pause = FIRST_PAUSE;
    this.#release();
    kept.ear.hear = onRemark;
    return kept.placed;
  }

  close(): void {
    clearTimeout(this.#timer);
    this.#over.abort(new Error("closed"));
    this.#drop();
  }

  async #make(): Promise<void> {
    if (this.#isMaking || this.#wanted === undefined || this.#over.signal.aborted) return;
    this.#isMaking = true;
    clearTimeout(this.#timer);
    const { decision, options } = this.#wanted;
    try {
      const kept = await this.#open(decision, options);
      if (this.#over.signal.aborted) return kept.placed.remote.hangUp();
      // One that has lived until its renewal makes up for those that failed; one that has only been opened does not.
      if (this.#kept !== undefined) this.#pause = FIRST_PAUSE;
      this.#drop();
      this.#kept = kept;
      this.#release = this.#watch(kept.placed);
      this.#later(RENEWAL);
    } catch (error) {
      if (this.#over.signal.aborted) return;
      this.#note(`${decision.server}: spare: ${error instanceof Error ? error.message : String(error)}`);
      this.#afterPause();
    } finally {
      this.#isMaking = false;
      this.#onChange();
    }
  }

  async #open(decision: Decision, options: OpeningOptions): Promise<Kept> {
    const began = performance.now();
    const ear = { hear: (line: string): void => this.#note(`${decision.server}: spare: said: ${line}`) };
    const own: OpeningOptions = {
      ...options,
      world: { ...options.world, elapsed: () => performance.now() - began },
      progress: new Progress(),
      // Whoever has logged in may have gone.
      ...{ purpose: "shared", person: undefined },
      broken: this.#over.signal,
      logins: new Logins(),
      onRemark: (line) => ear.hear(line),
    };
    const placed = await inTime(decision, own, (signal) => this.#start(decision, own, signal));
    return { placed, ear };
  }

  /** Notices when a mailbox that waits says something, which can only be its farewell, or ends. */
  #watch(placed: Placed): () => void {
    const { stdout, ended } = placed.remote;
    const lose = (): void => {
      if (this.#kept?.placed !== placed) return;
      this.#drop();
      this.#afterPause();
    };
    stdout.on("data", lose);
    // Unread, it would keep its end to itself.
    stdout.resume();
    void ended.then(lose);
    return () => {
      stdout.pause();
      stdout.off("data", lose);
    };
  }

  #drop(): void {
    const kept = this.#kept;
    this.#kept = undefined;
    kept?.placed.remote.hangUp();
  }

  #afterPause(): void {
    this.#later(this.#pause);
    this.#pause = Math.min(2 * this.#pause, LONGEST_PAUSE);
  }

  #later(ms: number): void {
    clearTimeout(this.#timer);
    if (!this.#over.signal.aborted) this.#timer = setTimeout(() => void this.#make(), ms);
  }
}
