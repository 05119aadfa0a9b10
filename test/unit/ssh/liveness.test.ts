import assert from "node:assert/strict";
import { getEventListeners } from "node:events";
import { afterEach, beforeEach, describe, it, mock } from "node:test";
import { Liveness } from "../../../src/ssh/liveness.ts";
import type { Watching } from "../../../src/target/watching.ts";
import { Clocks } from "../master/clocks.ts";

const USUAL: Watching = { interval: 15_000, most: 3 };

let clocks: Clocks;

/** A connection as far as it is watched. */
class Line {
  received = 0;
  pings = 0;
  /** When it was told dead, in milliseconds since it was made. */
  deadAfter: number | undefined;
  #answers: boolean;
  #onAnswer: (() => void) | undefined;
  readonly #began = clocks.passed;
  readonly liveness: Liveness;

  constructor(watching: Watching = USUAL, answers = true) {
    this.#answers = answers;
    this.liveness = new Liveness(this, watching, () => {
      this.deadAfter ??= clocks.passed - this.#began;
    });
  }

  ping(onAnswer: () => void): boolean {
    this.pings++;
    this.#onAnswer = onAnswer;
    if (this.#answers) this.answer();
    return true;
  }

  /** The answer to the last ping comes. */
  answer(): void {
    this.received += 36;
    this.#onAnswer?.();
  }

  /** From now on nothing comes any more. */
  fallSilent(): void {
    this.#answers = false;
  }

  /** Time goes by, while so many bytes come every half second. */
  pass(ms: number, bytes = 0): void {
    clocks.pass(ms, () => {
      this.received += bytes;
    });
  }
}

describe("a connection that is watched", () => {
  beforeEach(() => {
    clocks = new Clocks();
  });
  afterEach(() => clocks[Symbol.dispose]());

  it("is asked for a sign of life at least every 15 s while it is idle, and lives by its answers", () => {
    const line = new Line();
    for (let round = 1; round <= 240; round++) {
      const before = line.pings;
      line.pass(15_000);
      assert.equal(line.pings > before, true, `round ${round}`);
      assert.equal(line.liveness.isFresh, true);
    }
    assert.equal(line.deadAfter, undefined);
  });

  it("is woken for no more than its questions while it is idle", () => {
    let woken = 0;
    const set = globalThis.setTimeout;
    mock.method(globalThis, "setTimeout", (action: () => void, ms: number) =>
      set(() => {
        woken++;
        action();
      }, ms),
    );
    const line = new Line();
    line.pass(60_000);
    const [before, asked] = [woken, line.pings];
    line.pass(600_000);
    assert.ok(line.pings - asked <= 41, `${line.pings - asked} pings`);
    assert.ok(
      woken - before <= line.pings - asked + 1,
      `${woken - before} wakes, ${line.pings - asked} pings`,
    );
  });

  it("lives as long as bytes come, though no ping is answered", () => {
    const line = new Line(USUAL, false);
    line.pass(3_600_000, 1_000);
    assert.equal(line.deadAfter, undefined);
  });

  it("is dead when nothing has come for 45 s, whenever the silence has begun, and not long before", () => {
    for (let offset = 1_000; offset <= 31_000; offset += 1_000) {
      const line = new Line();
      line.pass(offset, 1);
      line.fallSilent();
      line.pass(60_000);
      const silence = (line.deadAfter ?? Number.POSITIVE_INFINITY) - offset;
      assert.equal(silence <= 45_000 && silence >= 35_000, true, `after ${offset}: ${silence}`);
    }
  });

  it("is asked before it is given up, also where one interval is all the time it has", () => {
    const line = new Line({ interval: 3_000, most: 1 });
    line.pass(600_000);
    assert.equal(line.deadAfter, undefined);
    line.fallSilent();
    line.pass(10_000);
    assert.equal((line.deadAfter ?? Number.POSITIVE_INFINITY) <= 603_000, true, String(line.deadAfter));
  });

  it("is not dead after a sleep, but not to be relied upon until it has answered", () => {
    const line = new Line();
    line.pass(15_000);
    line.fallSilent();
    clocks.jump(8 * 3_600_000);
    assert.equal(line.liveness.isFresh, false);
    line.pass(15_000);
    assert.equal(line.deadAfter, undefined);
    line.answer();
    assert.equal(line.liveness.isFresh, true);
  });

  it("is not to be relied upon when the clock was set back, until something comes", () => {
    const line = new Line();
    clocks.jump(-3_600_000);
    assert.equal(line.liveness.isFresh, false);
    line.received++;
    assert.equal(line.liveness.isFresh, true);
  });

  it("is not to be relied upon because of bytes that came before a sleep and have not been looked at", () => {
    const line = new Line(USUAL, false);
    line.answer();
    line.fallSilent();
    line.pass(4_000, 1);
    clocks.jump(8 * 3_600_000);
    assert.equal(line.liveness.isFresh, false);
  });

  it("is not to be relied upon when a ping has not been answered for 2 s", () => {
    const line = new Line(USUAL, false);
    line.liveness.probe();
    line.pass(1_000);
    assert.equal(line.liveness.isFresh, true);
    line.pass(1_000);
    assert.equal(line.liveness.isFresh, false);
    line.answer();
    assert.equal(line.liveness.isFresh, true);
  });

  it("is asked one question at a time, and the time of its answer is known", () => {
    const line = new Line(USUAL, false);
    line.liveness.probe();
    line.liveness.probe();
    assert.equal(line.pings, 1);
    line.pass(120);
    line.answer();
    assert.equal(line.liveness.roundTrip, 120);
  });

  it("is silent when nothing has come for so long, until something comes", async () => {
    const line = new Line(USUAL, false);
    const found = line.liveness.silentFor(2_000, new AbortController().signal);
    line.pass(2_000);
    assert.equal(await found, true);
    assert.equal(line.liveness.isSilent, true);
    line.received++;
    assert.equal(line.liveness.isSilent, false);
  });

  it("is not silent when a byte of whatever it be has come", async () => {
    const line = new Line(USUAL, false);
    const found = line.liveness.silentFor(2_000, new AbortController().signal);
    line.pass(1_999);
    line.received++;
    line.pass(1);
    assert.equal(await found, false);
    assert.equal(line.liveness.isSilent, false);
  });

  it("is not silent for one who no longer asks, and nothing of the question is left", async () => {
    const line = new Line(USUAL, false);
    const over = new AbortController();
    const found = line.liveness.silentFor(2_000, over.signal);
    over.abort();
    assert.equal(await found, false);
    assert.equal(getEventListeners(over.signal, "abort").length, 0);
    line.pass(5_000);
    assert.equal(line.liveness.isSilent, false);
    assert.equal(await line.liveness.silentFor(2_000, AbortSignal.abort()), false);
  });

  it("is no longer asked once it is not watched any more", () => {
    const line = new Line();
    line.liveness.stop();
    line.pass(600_000);
    assert.equal(line.pings, 0);
    assert.equal(line.deadAfter, undefined);
  });

  it("is busy for one who has waited for a second behind other bytes, and is told so once", () => {
    const line = new Line(USUAL, false);
    const told: number[] = [];
    const began = clocks.passed;
    line.liveness.whenBusy(new AbortController().signal, () => told.push(clocks.passed - began));
    line.pass(200, 1000);
    line.pass(799, 1000);
    assert.deepEqual(told, []);
    line.pass(1, 1000);
    assert.deepEqual(told, [1000]);
    line.pass(5000, 1000);
    assert.deepEqual(told, [1000]);
    assert.equal(line.pings, 1);
  });

  it("is busy soon for the next one, whose question is open already", () => {
    const line = new Line(USUAL, false);
    const told: number[] = [];
    line.liveness.whenBusy(new AbortController().signal, () => {});
    line.pass(3000, 1000);
    const began = clocks.passed;
    line.liveness.whenBusy(new AbortController().signal, () => told.push(clocks.passed - began));
    line.pass(200, 1000);
    assert.deepEqual(told, [200]);
  });

  it("is not busy where the question is answered within that second, nor where not a byte comes", () => {
    const told: string[] = [];
    const quick = new Line();
    quick.liveness.whenBusy(new AbortController().signal, () => told.push("quick"));
    const silent = new Line(USUAL, false);
    silent.liveness.whenBusy(new AbortController().signal, () => told.push("silent"));
    for (let turn = 0; turn < 4; turn++) clocks.pass(1000, () => quick.received++);
    assert.deepEqual(told, []);
  });
});
