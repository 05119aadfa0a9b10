import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { after, before, test } from "node:test";
import type { Connection } from "../../../../src/ssh/connection.ts";
import { type Sshd, startSshd } from "../../../peers/sshd.ts";
import { within } from "../../../peers/waiting.ts";
import { connectTo, never, targetFor } from "../fixtures.ts";

const BYTES = 50_000_000;

const { prototype } = createRequire(import.meta.url)("ssh2/lib/protocol/Protocol.js");

let sshd: Sshd;
let connection: Connection;
before(async () => {
  sshd = await startSshd();
  connection = await connectTo(targetFor(sshd));
});
after(async () => {
  connection.end();
  await sshd.stop();
});

test("a server hears at most once in a turn of the event loop how much more it may send, and hears all of it", async () => {
  const { channelWindowAdjust } = prototype;
  const told: number[] = [];
  let turn = 0;
  const count = (): void => {
    turn++;
    counting = setImmediate(count);
  };
  let counting = setImmediate(count);
  prototype.channelWindowAdjust = function (...words: unknown[]) {
    told.push(turn);
    Reflect.apply(channelWindowAdjust, this, words);
  };
  try {
    const remote = await connection.exec(`head -c ${BYTES} /dev/zero`, { signal: never() });
    remote.stderr.resume();
    let received = 0;
    remote.stdout.on("data", ({ length }: Buffer) => {
      received += length;
    });
    await within(remote.ended, "the end of the download");
    assert.equal(received, BYTES);
  } finally {
    clearImmediate(counting);
    prototype.channelWindowAdjust = channelWindowAdjust;
  }
  assert.ok(told.length > 5, `${told.length} times`);
  assert.equal(new Set(told).size, told.length);
});
