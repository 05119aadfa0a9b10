/** How long a server may be silent after an IMAP client has left it, before the channel is closed (milliseconds). */
export const FAREWELL_MS = 2000;

/** The wait after an IMAP client's end of input: it is over once the server has said nothing for a while. */
export class Farewell {
  over = false;
  #running = false;
  #timer: NodeJS.Timeout | undefined;
  readonly #onOver: () => void;

  constructor(onOver: () => void) {
    this.#onOver = onOver;
  }

  start(): void {
    this.#running = true;
    this.heard();
  }

  heard(): void {
    this.suspend();
    if (!this.#running) return;
    this.#timer = setTimeout(() => {
      this.over = true;
      this.#onOver();
    }, FAREWELL_MS);
  }

  /** A client that does not read keeps the server silent: that says nothing about the server. */
  suspend(): void {
    clearTimeout(this.#timer);
  }

  stop(): void {
    this.#running = false;
    this.suspend();
  }
}
