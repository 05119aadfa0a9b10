/** Milliseconds in which `narrow` carries 100 MB/s: a server that is nearer needs no more. */
const NEAR = 20;

/** Milliseconds for which a round-trip time is believed, as in BBR: routes change, and so does what others send. */
const BELIEVED = 10_000;

/** What is peculiar to one way of a connection; bytes, milliseconds. */
export interface Traits {
  readonly first: number;
  readonly least: number;
  /** What comes as one: nothing of it counts before all of it has come. */
  readonly packet: number;
  /** What is allowed at least while the queue runs dry. */
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

/** The part of what the line carries in a round trip that is allowed while the queue runs dry. */
const LESS = 0.75;

/** Where no less can be allowed: by how much more, and how much faster it has to come then if nothing had waited. */
const MORE = 1.5;
const FASTER = 1.1;

/** A turn in which less or more is allowed, to measure the least anew: the size to go back to, and the bytes a ms with it. */
interface Trial {
  readonly size: number;
  readonly rate: number;
}

/** What was on its way for a round trip: so many bytes came in so many milliseconds. */
export interface Turn {
  readonly bytes: number;
  readonly time: number;
}

/**
 * How much may be on its way. More than the line carries in a round trip only fills the queue before it, where everybody's
 * next word waits; so it is what has come lately, for some round trips (two more on a fast line) and a short queue. As
 * congestion control by delay does (TCP Vegas, BBR), it goes by the least round-trip time: as long as a window takes no
 * longer than that, the line carries more. Whether that is still the least shows in a trial now and then: for a turn less is
 * allowed than the line carries, so that the queue runs dry, and hardly any of the line is left idle.
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
  #trial: Trial | undefined;

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
    const rate = bytes / time;
    if (this.#trial !== undefined) {
      this.#conclude(this.#trial, { rate, time }, now);
      return;
    }
    if (time <= this.#base.time || this.#isForeign(time)) this.#base = { time, at: now };
    this.#previous = { size: this.#size, time };
    const roundTrip = this.#base.time;
    const useful = rate * ((trips + Math.min(rate / fast, 2)) * roundTrip + queue) + this.#traits.packet;
    // No queue at all: the window was too small for the line.
    const hasRoom = time <= ((1 + trips) / 2) * roundTrip + queue / 4;
    if (!hasRoom) this.#hasWaited = true;
    const growth = this.#hasWaited ? GROWTH.later : GROWTH.first;
    const wanted = Math.round(hasRoom ? Math.max(useful, growth * this.#size) : useful);
    this.#size = Math.min(Math.max(wanted, least), roundTrip < NEAR ? narrow : wide);
    if (now - this.#base.at <= BELIEVED) return;
    this.#trial = { size: this.#size, rate };
    this.#size = this.#size > least ? Math.max(LESS * rate * roundTrip, dry) : MORE * least;
  }

  /** Goes back to the size before. */
  #conclude(
    { size, rate: before }: Trial,
    { rate, time }: { rate: number; time: number },
    now: number,
  ): void {
    if (this.#size < size) {
      const way = Math.max(time - this.#traits.packet / before, time / 2);
      this.#base = { time: way, at: now };
    } else {
      this.#base = { time: rate > FASTER * before ? time : this.#base.time, at: now };
    }
    this.#size = size;
    this.#trial = undefined;
  }

  /** Whether a turn took its time for another reason than our queue: with half the window it took no less. */
  #isForeign(time: number): boolean {
    const { size, time: before } = this.#previous;
    return this.#size <= size / 2 && time >= 0.75 * before;
  }
}
