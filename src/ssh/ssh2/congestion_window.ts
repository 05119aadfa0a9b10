/** Milliseconds in which `narrow` carries 100 MB/s: a server that is nearer needs no more. */
const NEAR = 20;

/** Milliseconds for which a round-trip time is believed, as in BBR: routes change, and so does what others send. */
const BELIEVED = 10_000;

/** What is peculiar to one way of a connection; bytes, milliseconds. */
export interface Traits {
  readonly first: number;
  readonly least: number;
  /** What is allowed while the queue runs dry. */
  readonly dry: number;
  /** The most on a line that is near, and on any. */
  readonly narrow: number;
  readonly wide: number;
  /** The round trips that may be on their way, and what a queue may take beside them. */
  readonly trips: number;
  readonly queue: number;
  /** Bytes a millisecond on a line that is fast: there it is machines that stall, and a stall costs more than a queue does. */
  readonly fast: number;
}

/** By how much it grows in a round trip that nothing has waited in: until something first has, and from then on. */
const GROWTH = { first: 4, later: 2 } as const;

/** What was on its way for a round trip: so many bytes came in so many milliseconds. */
export interface Turn {
  readonly bytes: number;
  readonly time: number;
}

/**
 * How much may be on its way. More than the line carries in a round trip only fills the queue before it, where everybody's
 * next word waits; so it is what has come lately, for some round trips (two more on a fast line) and a short queue. As
 * congestion control by delay does (TCP Vegas, BBR), it goes by the least round-trip time: as long as a window takes no
 * longer than that, the line carries more. Now and then the queue runs dry for a moment, to see whether that is still the
 * least.
 */
export class CongestionWindow {
  readonly #traits: Traits;
  readonly #roundTrip: () => number;
  #size: number;
  /** The least round-trip time lately, and when it was measured, in ms. */
  #base = { time: Number.POSITIVE_INFINITY, at: Number.NEGATIVE_INFINITY };
  #hasWaited = false;
  /** The turn before this one. */
  #previous = { size: 0, time: 0 };
  /** The size to go back to, while the queue is let run dry to measure the least anew. */
  #before: number | undefined;

  /** `roundTrip`: the least of the connection so far, in ms; infinite where it is not known. */
  constructor(traits: Traits, roundTrip: () => number) {
    this.#traits = traits;
    this.#roundTrip = roundTrip;
    this.#size = traits.first;
  }

  /** Bytes. */
  get size(): number {
    return this.#size;
  }

  /** After a pause the line is empty, and as fast as before; `now` in milliseconds on any clock. */
  rest(now: number): void {
    this.#base = { time: Math.min(this.#base.time, this.#roundTrip()), at: now };
  }

  /** A round trip with little on its way took so long. */
  heard(time: number, now: number): void {
    if (time <= this.#base.time) this.#base = { time, at: now };
  }

  /** To be told of a turn in which all of it was used. */
  took({ bytes, time }: Turn, now: number): void {
    const { least, dry, narrow, wide, trips, queue, fast } = this.#traits;
    const isMeasured = this.#before !== undefined || this.#isForeign(time);
    if (time <= this.#base.time || isMeasured) this.#base = { time, at: now };
    this.#previous = { size: this.#size, time };
    if (this.#before !== undefined) {
      this.#size = this.#before;
      this.#before = undefined;
      return;
    }
    const roundTrip = this.#base.time;
    const rate = bytes / time;
    const useful = rate * ((trips + Math.min(rate / fast, 2)) * roundTrip + queue);
    // No queue at all: the window was too small for the line.
    const hasRoom = time <= ((1 + trips) / 2) * roundTrip + queue / 4;
    if (!hasRoom) this.#hasWaited = true;
    const growth = this.#hasWaited ? GROWTH.later : GROWTH.first;
    const wanted = Math.round(hasRoom ? Math.max(useful, growth * this.#size) : useful);
    this.#size = Math.min(Math.max(wanted, least), roundTrip < NEAR ? narrow : wide);
    if (now - this.#base.at <= BELIEVED || this.#size === least) return;
    this.#before = this.#size;
    this.#size = dry;
  }

  /** Whether a turn took its time for another reason than our queue: with half the window it took no less. */
  #isForeign(time: number): boolean {
    const { size, time: before } = this.#previous;
    return this.#size <= size / 2 && time >= 0.75 * before;
  }
}
