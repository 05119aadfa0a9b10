import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { ReceiveWindow } from "../../../../src/ssh/ssh2/receive_window.ts";

const MIB = 1024 * 1024;

/** The contract between a server and its reader, with a clock of its own; amounts in bytes, times in milliseconds. */
class Channel {
  now = 0;
  credit = 2 * MIB;
  unread = 0;
  readonly #window = new ReceiveWindow();

  /** The server sends so much, or what it may. */
  send(bytes: number): void {
    const sent = Math.min(bytes, this.credit);
    this.credit -= sent;
    this.unread += sent;
  }

  /** The reader reads so much, or what there is, in packets. Gives by how much the window was widened. */
  read(bytes: number): number {
    let widened = 0;
    for (let left = Math.min(bytes, this.unread); left > 0; ) {
      const packet = Math.min(left, 32 * 1024);
      left -= packet;
      this.unread -= packet;
      const more = this.#window.read(packet, this, this.now);
      this.credit += more;
      widened += more;
    }
    return widened;
  }

  /** The server sends all it may, which comes and is read a round trip later. Gives how much that was. */
  roundTrip(ms: number): number {
    const before = this.credit;
    this.now += ms;
    this.send(before);
    this.read(before);
    return before;
  }
}

test("a server that fills the window in each round trip soon has 16 MiB, and never more", () => {
  const channel = new Channel();
  const flights = Array.from({ length: 8 }, () => channel.roundTrip(100) / MIB);
  assert.equal(flights[0], 2);
  assert.equal(flights.findIndex((flight) => flight > 14) <= 5, true, String(flights));
  assert.equal(Math.max(...flights) <= 16, true, String(flights));
});

for (const { line, ms, most } of [
  { line: "a line that is slower than its window gets no more than twice as much", ms: 1, most: 4.5 },
  { line: "a server that is near gets no more than at first", ms: 0.1, most: 2 },
]) {
  test(line, () => {
    const channel = new Channel();
    for (let sent = 0; sent < 256 * MIB; sent += 32 * 1024) {
      channel.now += ms;
      channel.send(32 * 1024);
      channel.read(32 * 1024);
    }
    assert.equal(channel.credit <= most * MIB, true, `${channel.credit / MIB} MiB`);
  });
}

test("a wide window becomes narrow while its reader lags behind", () => {
  const channel = new Channel();
  for (let turn = 0; turn < 8; turn++) channel.roundTrip(100);
  assert.equal(channel.credit > 14 * MIB, true, `${channel.credit / MIB} MiB`);
  for (let turn = 0; turn < 200; turn++) {
    channel.now += 100;
    channel.send(channel.credit);
    channel.read(MIB / 4);
  }
  assert.equal(channel.unread + channel.credit <= 2 * MIB, true, `${channel.unread} and ${channel.credit}`);
});

test("widens rarely: at most 8 times in the time that a full window takes", () => {
  const channel = new Channel();
  let widenings = 0;
  for (let sent = 0; sent < 64 * MIB; sent += 32 * 1024) {
    channel.now += 0.1;
    channel.send(32 * 1024);
    if (channel.read(32 * 1024) > 0) widenings++;
  }
  assert.equal(widenings <= (64 / 2) * 8, true, `${widenings} widenings`);
});

test("whatever comes and is read at whatever time, 16 MiB are the bound and the server never waits in vain", () => {
  const bytes = fc.oneof(fc.integer({ min: 1, max: 100 }), fc.integer({ min: 1, max: 20 * MIB }));
  const steps = fc.array(fc.tuple(fc.nat(1000), bytes, bytes), { maxLength: 100 });
  fc.assert(
    fc.property(steps, (sequence) => {
      const channel = new Channel();
      for (const [ms, sent, read] of sequence) {
        channel.now += ms;
        channel.send(sent);
        channel.read(read);
        assert.equal(channel.unread + channel.credit <= 16 * MIB, true);
      }
      channel.read(channel.unread);
      assert.equal(channel.credit >= MIB, true, `${channel.credit} bytes may come`);
    }),
  );
});
