import type { Client } from "ssh2";

/** The round-trip time of a connection, in milliseconds, by signs of life that the server is asked for. */
export class RoundTrip {
  /** The least so far; infinite where none is known. */
  least = Number.POSITIVE_INFINITY;
  readonly #client: Client;
  #isMeasured = false;

  constructor(client: Client) {
    this.#client = client;
  }

  /** Asks for a sign of life. */
  ping(onAnswer: () => void): void {
    const asked = performance.now();
    this.#client.ping(() => {
      this.took(performance.now() - asked);
      onAnswer();
    });
  }

  /** An answer has come after so many milliseconds. */
  took(time: number): void {
    this.least = Math.min(this.least, time);
  }

  /** Sees to it that it is known: to be called when there is something to be sent anyway. */
  measure(): void {
    if (this.#isMeasured) return;
    this.#isMeasured = true;
    this.ping(() => {});
  }
}
