import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { RECEIVE_WINDOW } from "../../../../src/ssh/ssh2/numbers.ts";
import { ReceiveWindow } from "../../../../src/ssh/ssh2/receive_window.ts";

const KIB = 1024;
const MIB = 1024 * KIB;

/** A line with a queue that never overflows. */
interface Path {
  /** Bytes a millisecond. */
  readonly rate: number;
  /** Milliseconds there and back where nothing waits, and those from the third second on; default: the same. */
  readonly roundTrip: number;
  readonly later?: number;
  /** What the connection takes it for; default: what it is. */
  readonly believed?: number;
  /** Bytes that a packet has at most, none of which is read before the last has come; default 16 KiB. */
  readonly packet?: number;
}

/** What became of a download. */
interface Carried {
  /** Bytes a millisecond in its second half. */
  readonly rate: number;
  readonly time: number;
  /** The longest that a byte waited in the queue in the second half, in ms. */
  readonly waited: number;
}

/** A server that sends all it may, over a path, to a reader who takes what comes; with a clock of its own. */
function download(
  total: number,
  { rate, roundTrip, later = roundTrip, believed = roundTrip, packet = 16 * KIB }: Path,
): Carried {
  const half = (at: number): number => (at < 3000 ? roundTrip : later) / 2;
  const window = new ReceiveWindow(() => believed);
  let [now, credit, free, sent, read] = [0, RECEIVE_WINDOW, 0, 0, 0];
  /** What the server may send, since when. */
  const grants: { at: number; bytes: number }[] = [{ at: half(0), bytes: RECEIVE_WINDOW }];
  let [middle, waited] = [{ now: 0, read: 0 }, 0];
  while (read < total) {
    const grant = grants.shift();
    assert.ok(grant, `the server waits in vain after ${read} bytes`);
    for (let left = grant.bytes; left > 0 && sent < total; ) {
      const size = Math.min(left, packet);
      left -= size;
      sent += size;
      if (read > total / 2) waited = Math.max(waited, free - grant.at);
      free = Math.max(free, grant.at) + size / rate;
      now = free + half(free);
      credit -= size;
      read += size;
      const more = window.read(size, { unread: 0, credit, makesWay: false }, now);
      credit += more;
      if (more > 0) grants.push({ at: now + half(now), bytes: more });
      if (middle.now === 0 && read >= total / 2) middle = { now, read };
    }
  }
  return { rate: (read - middle.read) / (now - middle.now), time: now, waited };
}

const MBIT = 1000 / 8;

/** Ways that get longer: Mbit/s, and milliseconds before and after. */
const LONGER = [
  [8, 20, 200],
  [8, 100, 180],
  [8, 100, 400],
  [50, 20, 400],
  [50, 100, 250],
] as const;

describe("a download", () => {
  for (const [mbit, total] of [
    [1, 4 * MIB],
    [8, 32 * MIB],
    [50, 192 * MIB],
  ] as const) {
    for (const roundTrip of [20, 100]) {
      for (const packet of [16 * KIB, 32 * KIB]) {
        test(`has the line of ${mbit} Mbit/s and ${roundTrip} ms, by packets of ${packet} bytes, and keeps its queue short`, () => {
          const path = { rate: mbit * MBIT, roundTrip, packet };
          const { rate, waited } = download(total, path);
          assert.ok(rate >= 0.95 * path.rate, `${rate / path.rate} of the line`);
          assert.ok(waited < 0.8 * roundTrip + 30 + (96 * KIB) / path.rate, `${waited} ms`);
        });
      }
    }
  }

  for (const [mbit, roundTrip, later] of LONGER) {
    test(`keeps its line of ${mbit} Mbit/s when the way of ${roundTrip} ms takes ${later}`, () => {
      const path = { rate: mbit * MBIT, roundTrip, later };
      const { rate } = download(60_000 * path.rate, path);
      assert.ok(rate >= 0.9 * path.rate, `${rate / path.rate} of the line`);
    });
  }

  test("has 60 MB/s at 100 ms, from the beginning on", () => {
    const { time } = download(256 * MIB, { rate: 160_000, roundTrip: 100 });
    assert.ok((256 * MIB) / time >= 60_000, `${(256 * MIB) / time / 1000} MB/s`);
  });

  test("has all of a line that is near, with 2 MiB", () => {
    const { rate } = download(512 * MIB, { rate: 500_000, roundTrip: 0.2 });
    assert.ok(rate >= 480_000, `${rate}`);
  });

  test("whose round-trip time is not known is not slower", () => {
    const path = { rate: 50 * MBIT, roundTrip: 20, believed: Number.POSITIVE_INFINITY };
    assert.ok(download(64 * MIB, path).rate >= 0.95 * path.rate);
  });
});

test("while somebody waits for a session half as much is on its way, and all of it again afterwards", () => {
  const window = new ReceiveWindow(() => 100);
  const rate = 8 * MBIT;
  let [now, credit, free] = [0, RECEIVE_WINDOW, 0];
  const grants: { at: number; bytes: number }[] = [{ at: 50, bytes: RECEIVE_WINDOW }];
  /** Gives the bytes that were on their way at least, and at most, once a second has passed. */
  const carry = (ms: number, makesWay: boolean): { least: number; most: number } => {
    const range = { least: Number.POSITIVE_INFINITY, most: 0 };
    const began = now;
    while (now < began + ms) {
      const grant = grants.shift();
      assert.ok(grant, "the server waits in vain");
      for (let left = grant.bytes; left > 0; ) {
        const size = Math.min(left, 16 * KIB);
        left -= size;
        free = Math.max(free, grant.at) + size / rate;
        now = free + 50;
        credit -= size;
        const more = window.read(size, { unread: 0, credit, makesWay }, now);
        credit += more;
        if (more > 0) grants.push({ at: now + 50, bytes: more });
        if (now < began + 1000) continue;
        range.least = Math.min(range.least, credit);
        range.most = Math.max(range.most, credit);
      }
    }
    return range;
  };
  const before = carry(5000, false);
  const during = carry(3000, true);
  const after = carry(3000, false);
  assert.ok(during.most <= before.most / 2 + 16 * KIB, `${during.most} after ${before.most}`);
  assert.ok(during.least > 0);
  assert.ok(after.most >= 0.8 * before.most, `${after.most} after ${before.most}`);
});

test("a reader who takes his time has little before him", () => {
  const window = new ReceiveWindow(() => 100);
  let [now, credit, unread] = [0, RECEIVE_WINDOW, 0];
  for (let turn = 0; turn < 400; turn++) {
    now += 100;
    unread += credit;
    credit = 0;
    // 250 kB/s.
    const size = Math.min(25 * KIB, unread);
    unread -= size;
    if (size > 0) credit += window.read(size, { unread, credit, makesWay: false }, now);
  }
  assert.ok(unread + credit <= 128 * KIB, `${unread} and ${credit}`);
});

test("whatever comes and is read at whatever time, 16 MiB are the bound and the server never waits in vain", () => {
  const bytes = fc.oneof(fc.integer({ min: 1, max: 100 }), fc.integer({ min: 1, max: 20 * MIB }));
  const steps = fc.array(fc.tuple(fc.nat(1000), bytes, bytes), { maxLength: 100 });
  fc.assert(
    fc.property(steps, fc.constantFrom(0.1, 20, 100, Number.POSITIVE_INFINITY), (sequence, roundTrip) => {
      const window = new ReceiveWindow(() => roundTrip);
      let [now, credit, unread] = [0, RECEIVE_WINDOW, 0];
      const take = (most: number): void => {
        for (let left = Math.min(most, unread); left > 0; ) {
          const size = Math.min(left, 32 * KIB);
          left -= size;
          unread -= size;
          credit += window.read(size, { unread, credit, makesWay: false }, now);
        }
      };
      for (const [ms, sent, read] of sequence) {
        now += ms;
        const size = Math.min(sent, credit);
        credit -= size;
        unread += size;
        take(read);
        assert.ok(unread + credit <= 16 * MIB);
      }
      take(unread);
      assert.ok(credit >= 28 * KIB, `${credit} bytes may come`);
    }),
  );
});
