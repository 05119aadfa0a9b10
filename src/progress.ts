/** The steps of a connection, in order. */
export type Step = "config" | "name" | "connect" | "kex" | "hostkey" | "auth" | "command" | "greeting";

/** Told of each step as it is done: what came of it, in a few words. */
export type Watcher = (step: Step, outcome: string) => void;

/**
 * How far a connection has come. `doing` completes "timed out ... after 10 s"; `heard` tells whether the
 * server has sent a single byte; the watcher sees each step that is done.
 */
export class Progress {
  #doing = "starting";
  #leader: Progress | undefined;
  step: Step = "config";
  heard = false;
  /** performance.now() when the server was turned to, its address known. */
  connectBegan: number | undefined;
  readonly #watch: Watcher;

  constructor(watch: Watcher = () => {}) {
    this.#watch = watch;
  }

  get doing(): string {
    return this.#leader?.doing ?? this.#doing;
  }

  /** Does what another one does, until it enters a step of its own. */
  follow(leader: Progress): void {
    this.#leader = leader;
  }

  /** Enters a step; `doing` in the form "logging in to imap.example.org". */
  begin(step: Step, doing: string): void {
    if (step === "connect") this.connectBegan = performance.now();
    this.step = step;
    this.#doing = doing;
    this.#leader = undefined;
  }

  /** A step came to its end; `outcome` in the form "192.0.2.7, 192.0.2.8". */
  done(step: Step, outcome: string): void {
    this.#watch(step, outcome);
  }
}
