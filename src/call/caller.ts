import { whenAborted } from "../abort.ts";
import { Failure } from "../failure.ts";
import { openLog } from "../report/log.ts";
import type { Note } from "../report/note.ts";
import { escapeControls } from "../report/printable.ts";
import { refuse } from "../report/refusal.ts";
import { tellCaller } from "../report/speak.ts";
import { stateDirectory } from "../state/directory.ts";
import type { OnFailure } from "../table/table.ts";
import type { PendingInput, World } from "../world.ts";
import { Client } from "./client.ts";

/** The words of a mail call that its session needs. */
export interface CallerWords {
  readonly server: string;
  readonly method: string;
  readonly recipients: readonly string[];
}

/** The mail client that called, the log, and whether the call has been broken off. */
export class Caller {
  readonly world: World;
  readonly server: string;
  readonly method: string;
  readonly recipients: readonly string[];
  readonly client: Client;
  readonly note: Note;
  /** What the call is doing, for the message of a signal; set by whoever does it. */
  doing: () => string = () => "starting";
  readonly #hangup = new AbortController();
  readonly #broken = new AbortController();

  /** `heard`: what the client has said before. */
  constructor(world: World, { server, method, recipients }: CallerWords, heard?: PendingInput) {
    this.world = world;
    this.server = server;
    this.method = method;
    this.recipients = recipients;
    this.note = openLog(stateDirectory(world.env, world.home), world);
    if (world.elsewhere !== undefined) this.note(`${server}: ${world.elsewhere}`);
    this.client = new Client(world, (what) => this.#hangUp(new Failure("gone", server, what)));
    world.onSignal((signal, status) => {
      this.#hangUp(new Failure("gone", server, `${signal} while ${this.doing()}`, { status }));
    });
    // A crash would send the client to port 143: whoever can cause one must not gain by it.
    world.onBug((error) => this.#broken.abort(error));
    // Only an IMAP client must wait for a greeting, so only its end of input before that means that it has gone.
    if (this.isImap) this.client.listen(heard);
  }

  get isImap(): boolean {
    return this.method === "imap";
  }

  /** Aborted, with a Failure "gone" as its reason, when the client has hung up or a signal came. */
  get hangup(): AbortSignal {
    return this.#hangup.signal;
  }

  /** Aborted when the call must end: by `hangup`, or by an error of the program's own. */
  get broken(): AbortSignal {
    return this.#broken.signal;
  }

  /** A line that the server said beside the mail: for the log, and for a person who watches. */
  remark(line: string): void {
    this.note(`${this.server}: said: ${line}`);
    if (this.world.stderr === "terminal") this.world.write(2, `${escapeControls(line)}\n`);
  }

  /** Ends a call that has no session in a failure: says it where it will be read, and gives the exit status. */
  async giveUp(how: OnFailure, error: unknown): Promise<number> {
    const failure = this.#asFailure(error);
    const { stderr } = this.world;
    const speaksImap = this.isImap && (stderr === "merged" || stderr === "nowhere");
    if (!speaksImap || failure.trouble === "gone") return this.breakOff(failure);
    this.#record(failure);
    return this.#whileThere(failure.status, async () => {
      await refuse(this.client, how, failure);
      await this.client.flushed();
    });
  }

  /** Ends a call whose session has begun in a failure: the client's stream is the server's, and must stay so. */
  breakOff(error: unknown): number {
    const failure = this.#asFailure(error);
    this.#record(failure);
    tellCaller(this.world, failure);
    return failure.status;
  }

  #hangUp(failure: Failure): void {
    this.#hangup.abort(failure);
    this.#broken.abort(failure);
  }

  #record(failure: Failure): void {
    this.note(`${failure.subject}: ${failure.what}`);
    for (const hint of failure.hints) this.note(`${failure.subject}: hint: ${hint}`);
  }

  /** Does something for the client, unless and until it hangs up. */
  async #whileThere(status: number, work: () => Promise<void>): Promise<number> {
    const { hangup } = this;
    if (hangup.aborted) return status;
    return Promise.race([
      work().then(() => status),
      whenAborted(hangup).then(() => {
        // A signal has a status of its own; a client that went away changes nothing of what happened.
        const { reason } = hangup;
        return reason instanceof Failure && reason.status > 128 ? reason.status : status;
      }),
    ]);
  }

  /** What was thrown, as a Failure. Anything that is not one is a bug: its stack goes to the log. */
  #asFailure(error: unknown): Failure {
    if (error instanceof Failure) return error;
    this.note(`${this.server}: internal error: ${error instanceof Error ? error.stack : String(error)}`);
    return new Failure("bug", this.server, "internal error, see the log", { cause: error });
  }
}
