import assert from "node:assert/strict";
import { Duplex } from "node:stream";
import { test } from "node:test";
import { statusOf } from "../../../src/session/exit.ts";
import { withoutFlood } from "../../../src/session/flood.ts";
import { limitUnread } from "../../../src/ssh/ssh2/backlog.ts";

/** A socket whose other end reads nothing. */
function unread(): Duplex {
  return new Duplex({ read: () => {}, write: () => {} });
}

for (const [isOpen, most] of [
  [false, 1024 * 1024],
  [true, 4 * 1024 * 1024],
] as const) {
  test(`a server that reads nothing is left when ${most} bytes wait for it`, async () => {
    const socket = unread();
    const errors: string[] = [];
    socket.on("error", (error) => errors.push(error.message));
    limitUnread(socket, () => isOpen);
    for (const [length, isGone] of [
      [most, false],
      [1, true],
    ] as const) {
      socket.write(Buffer.alloc(length));
      socket.push("x");
      await new Promise((resolve) => setImmediate(resolve));
      assert.equal(socket.destroyed, isGone);
    }
    assert.deepEqual(errors, ["the server asks for answers and does not read them"]);
  });
}

test("a flood of lines is cut off once a minute, and says so", () => {
  const lines: string[] = [];
  let now = 0;
  const take = withoutFlood(
    (line) => lines.push(line),
    () => now,
  );
  for (let count = 0; count < 50_000; count++) take("x");
  assert.equal(lines.length, 20_001);
  assert.equal(lines.at(-1), "more than 20000 lines in a minute: the next ones are left out");
  now = 60_001;
  take("later");
  assert.equal(lines.at(-1), "later");
});

test("lines that come slowly are all handed on", () => {
  const lines: string[] = [];
  let now = 0;
  const take = withoutFlood(
    (line) => lines.push(line),
    () => now,
  );
  for (let count = 0; count < 50_000; count++) {
    now += 10;
    take("x");
  }
  assert.equal(lines.length, 50_000);
});

test("an exit status of more than eight bits is what is left of it", () => {
  for (const [status, left] of [
    [256, 0],
    [259, 3],
    [0xffffffff, 255],
  ] as const) {
    assert.equal(statusOf({ kind: "status", status }), left);
  }
});
