import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { SendWindow } from "../../../../src/ssh/ssh2/send_window.ts";

const KIB = 1024;
const MIB = 1024 * KIB;
const MBIT = 1000 / 8;

/** A line with a queue that never overflows. */
interface Path {
  /** Bytes a millisecond. */
  readonly rate: number;
  /** Milliseconds there and back where nothing waits, at a time. */
  readonly roundTrip: (now: number) => number;
}

/** What became of an upload. */
interface Carried {
  /** Bytes a millisecond in its second half. */
  readonly rate: number;
  readonly time: number;
  /** The longest that a byte waited in the queue in the second half, in ms. */
  readonly waited: number;
  readonly questions: number;
}

/** A mail client with all its bytes at hand, over a path, to a server that answers at once; with a clock of its own. */
function upload(total: number, { rate, roundTrip }: Path): Carried {
  let least = Number.POSITIVE_INFINITY;
  const window = new SendWindow(() => least);
  const answers: { readonly at: number; readonly take: (now: number) => void }[] = [];
  let [now, free, questions, waited] = [0, 0, 0, 0];
  let half = { now: 0, arrived: 0 };
  while (window.arrived < total) {
    while (window.hasRoom && window.sent < total) {
      const size = Math.min(window.piece, total - window.sent);
      free = Math.max(free, now) + size / rate;
      const mark = window.send(size, now);
      if (half.now > 0) waited = Math.max(waited, free - now);
      if (mark === undefined) continue;
      questions++;
      const at = free + roundTrip(free);
      answers.push({
        at,
        take: (moment) => {
          least = Math.min(least, moment - mark.at);
          window.answered(mark, moment);
        },
      });
    }
    const answer = answers.shift();
    if (answer === undefined) break;
    now = Math.max(now, answer.at);
    answer.take(now);
    if (half.now === 0 && window.arrived >= total / 2) half = { now, arrived: window.arrived };
  }
  return { rate: (window.arrived - half.arrived) / (now - half.now), time: now, waited, questions };
}

describe("an upload", () => {
  for (const [mbit, total] of [
    [1, 4 * MIB],
    [8, 32 * MIB],
    [50, 192 * MIB],
  ] as const) {
    for (const roundTrip of [20, 100]) {
      test(`has the line of ${mbit} Mbit/s and ${roundTrip} ms, and keeps its queue short`, () => {
        const rate = mbit * MBIT;
        const carried = upload(total, { rate, roundTrip: () => roundTrip });
        assert.ok(carried.rate >= 0.9 * rate, `${carried.rate / rate} of the line`);
        assert.ok(carried.waited < 0.8 * roundTrip + 40 + (24 * KIB) / rate, `${carried.waited} ms`);
      });
    }
  }

  test("has 20 MB/s at 100 ms from its second second on, as with a window of 2 MiB", () => {
    const { time } = upload(100 * MIB, { rate: 500_000, roundTrip: () => 100 });
    assert.ok((100 * MIB) / (time - 1000) >= 20_000, `${(100 * MIB) / time / 1000} MB/s`);
  });

  test("asks once in 256 KiB on a line that is fast and near", () => {
    const { rate, questions } = upload(512 * MIB, { rate: 500_000, roundTrip: () => 0.2 });
    assert.ok(rate >= 480_000, `${rate}`);
    assert.ok(questions <= 1.25 * 2048, `${questions} questions`);
  });

  for (const [mbit, before, later] of [
    [1, 20, 400],
    [8, 20, 200],
    [8, 100, 180],
    [50, 20, 400],
    [50, 100, 250],
  ] as const) {
    test(`keeps its line of ${mbit} Mbit/s when the way of ${before} ms takes ${later}`, () => {
      const rate = mbit * MBIT;
      const roundTrip = (now: number) => (now < 3000 ? before : later);
      const carried = upload(60_000 * rate, { rate, roundTrip });
      assert.ok(carried.rate >= 0.9 * rate, `${carried.rate / rate} of the line`);
    });
  }
});

test("a server that does not answer is given twice as much each time", () => {
  const window = new SendWindow(() => 100);
  const given: number[] = [];
  for (let time = 0; time < 4; time++) {
    const before = window.sent;
    while (window.hasRoom) window.send(window.piece, time);
    given.push(window.sent - before);
    window.doubt();
  }
  for (const [nth, bytes] of given.slice(2).entries()) {
    const before = given[nth + 1] ?? 0;
    assert.ok(bytes >= 1.5 * before, given.join(", "));
  }
});

test("what is short is sent without a question", () => {
  const window = new SendWindow(() => 100);
  for (let time = 0; time < 100; time++) assert.equal(window.send(30, 10_000 * time), undefined);
});
