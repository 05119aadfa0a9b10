import assert from "node:assert/strict";
import { test } from "node:test";
import { describeForms } from "../../peers/binaries.ts";
import { poll } from "../../peers/waiting.ts";
import { GREET } from "../stream/stream.ts";
import { PREAUTH, startScene } from "./shared_home.ts";

// A line that brings 24 kB a second to each connection, and queues as much as it is given.
const PROXY = { rate: 24_000 } as const;

/** The same the other way. */
const UPWARDS = { rateUp: 100_000 } as const;

/** Greets, and takes all from whoever says "take"; says again what anybody else says. */
const TAKER = `${GREET}; read line; [ "$line" = take ] && exec cat >/dev/null; echo "$line"; exec cat`;

/** Greets, and has 4 MB for whoever says anything; anybody else is greeted only. */
const COMMAND = `${GREET}; read line; head -c 4000000 /dev/zero; exec cat`;

describeForms("a connection that is busy with somebody's download", { concurrency: 3 }, (form) => {
  test("gets one beside it: the next mailboxes are greeted there, with one login in all", async () => {
    await using scene = await startScene(form, { proxy: PROXY, host: { "commands.imap": COMMAND } });
    const first = await scene.open();
    first.write("give\n");
    const before = scene.proxy.down;
    await first.readUntil(/\0{1000}/);
    const calls = await Promise.all([scene.start(), scene.start(), scene.start()]);
    for (const call of calls) await call.readUntil(PREAUTH);
    assert.equal(scene.sshd.logins(), 2, scene.home.log());
    // Afterwards nobody waits to find that out again.
    await scene.open();
    assert.equal(scene.sshd.logins(), 2, scene.home.log());
    const { connections } = await scene.statusOnce(({ connections }) => connections.length === 2, "two");
    assert.deepEqual(connections.map(({ sessions }) => sessions).sort(), [1, 4]);
    assert.ok(scene.proxy.down - before < 4_000_000, "the download is still under way");
    assert.match(scene.home.log(), /mail\.test: the connection is busy: another one beside it/);
    assert.doesNotMatch(scene.home.log(), /internal error/);
  });

  test("is what a slow imapd is not: nobody logs in for that", async () => {
    await using scene = await startScene(form, {
      host: { "commands.imap": `read -t 1.5 line || true; ${GREET}; exec cat` },
    });
    await scene.open();
    await scene.open();
    assert.equal(scene.sshd.logins(), 1);
  });

  test("takes no more of somebody's upload than the line does: a word of another's, and the next mailbox, pass it", async () => {
    await using scene = await startScene(form, { proxy: UPWARDS, host: { "commands.imap": TAKER } });
    const other = await scene.open();
    const first = await scene.open();
    const before = scene.proxy.up;
    first.write("take\n");
    first.write(Buffer.alloc(4_000_000));
    await poll(
      () => scene.proxy.up - before > 150_000,
      "the upload",
      () => `${scene.proxy.up - before} up, ${scene.proxy.queuedUp} queued, ${scene.home.log()}`,
    );
    other.write("word\n");
    await other.readUntil(/word\n/);
    await scene.open();
    assert.ok(scene.proxy.up - before < 3_000_000, "the upload is still under way");
    assert.ok(scene.proxy.queuedUp <= 128 * 1024, `${scene.proxy.queuedUp} bytes waited`);
    assert.equal(scene.sshd.logins(), 1);
  });
});
