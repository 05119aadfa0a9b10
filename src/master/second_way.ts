import { Follower } from "../abort.ts";
import { Failure } from "../failure.ts";
import { Progress } from "../progress.ts";
import { SESSION_ATTEMPTS } from "../second_chances.ts";
import { commandLine } from "../session/command.ts";
import type { OpeningOptions } from "../session/opening.ts";
import type { Decision } from "../table/decision.ts";
import { type Connections, ShareOver } from "./connections.ts";
import { isStarted, type SharedConnection, type Unavailable } from "./shared_connection.ts";
import type { Placed } from "./spare_command.ts";

/** A session on a connection that takes it; on a new one where none does. Throws a Failure, or the reason of `broken`. */
export async function startSomewhere(
  connections: Connections,
  decision: Decision,
  options: OpeningOptions,
): Promise<Placed> {
  const line = commandLine(decision);
  const { note, broken } = options;
  for (let tries = 1; ; tries++) {
    const connection = await connections.get(decision, options, broken, line);
    const outcome = await new Ways(connections, decision, options, line).quickest(connection);
    if (isStarted(outcome)) return outcome;
    if (connections.isOver) throw new ShareOver();
    const what = outcome.kind === "stale" ? "a session" : "a connection";
    note(`${decision.server}: ${what} is ${outcome.kind}: on to another one`);
    if (tries === SESSION_ATTEMPTS) {
      const { server } = decision;
      throw new Failure("command", server, `the server opens no session: ${tries} connections were tried`);
    }
  }
}

/** The ways to one session: the second begins where the first has to wait, and whichever comes first is taken. */
class Ways {
  readonly #connections: Connections;
  readonly #decision: Decision;
  readonly #options: OpeningOptions;
  readonly #line: string | undefined;
  readonly #first: Follower;
  readonly #second: Follower;
  #running = 0;
  #isOver = false;
  #resolve: (outcome: Placed | Unavailable) => void = () => {};
  #reject: (error: unknown) => void = () => {};

  constructor(
    connections: Connections,
    decision: Decision,
    options: OpeningOptions,
    line: string | undefined,
  ) {
    this.#connections = connections;
    this.#decision = decision;
    this.#options = options;
    this.#line = line;
    this.#first = new Follower(options.broken);
    this.#second = new Follower(options.broken);
  }

  quickest(connection: SharedConnection): Promise<Placed | Unavailable> {
    return new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
      const { progress } = this.#options;
      this.#go(
        this.#on(connection, progress, this.#first, () => this.#goBeside(connection)),
        this.#second,
      );
    });
  }

  #goBeside(busy: SharedConnection): void {
    const progress = new Progress();
    const options = { ...this.#options, progress, broken: this.#second.signal };
    const making = this.#connections.beside(busy, this.#decision, options, this.#line);
    if (making === undefined) return;
    this.#go(
      making.then((connection) => this.#on(connection, progress, this.#second)),
      this.#first,
    );
  }

  async #on(
    connection: SharedConnection,
    progress: Progress,
    { signal }: Follower,
    onBusy?: () => void,
  ): Promise<Placed | Unavailable> {
    const options = { ...this.#options, progress };
    const outcome = await connection.open(this.#decision, this.#line, options, signal, onBusy);
    return isStarted(outcome) ? { ...outcome, on: connection } : outcome;
  }

  /** What comes of a way; `other` is given up where it has come to a session. What both fail for is told of the later one. */
  #go(way: Promise<Placed | Unavailable>, other: Follower): void {
    this.#running++;
    way.then(
      (outcome) => {
        if (this.#isOver) {
          // Never two mailboxes for one call.
          if (isStarted(outcome)) outcome.remote.hangUp();
        } else if (isStarted(outcome)) {
          this.#end();
          other.abort(LATE);
          this.#resolve(outcome);
        } else this.#fail(() => this.#resolve(outcome));
      },
      (error: unknown) => this.#fail(() => this.#reject(error)),
    );
  }

  #fail(tell: () => void): void {
    this.#running--;
    if (this.#running > 0 || this.#isOver) return;
    this.#end();
    tell();
  }

  #end(): void {
    this.#isOver = true;
    this.#first.release();
    this.#second.release();
  }
}

const LATE = new Error("another connection was faster");
