import assert from "node:assert/strict";
import { rmSync } from "node:fs";
import { test } from "node:test";
import { describeForms } from "../../peers/binaries.ts";
import { gone, signal } from "../../peers/processes.ts";
import { since } from "../calls/client.ts";
import { GREET } from "../stream/stream.ts";
import { answers, kill, mastersOf, PREAUTH, startScene } from "./shared_home.ts";

/** The contract's time to a greeting, in milliseconds. */
const DEADLINE = 10_000;

/** A lost connection's status, as ssh(1) has it. */
const LOST = { status: 255, signal: null };

describeForms("a master that", { concurrency: 4 }, (form) => {
  test("is stopped costs a second: the call goes without, and once it goes on it is used again", async () => {
    await using scene = await startScene(form);
    const first = await scene.open();
    const pid = await scene.master();
    signal(pid, "SIGSTOP");
    const second = await scene.start();
    await second.readUntil(PREAUTH, DEADLINE);
    assert.ok(since(second) < 5000, `${since(second)} ms`);
    assert.match(scene.home.log(), /master: no answer within a second: the call connects by itself/);
    assert.equal(scene.sshd.logins(), 2);
    await answers(second, "a1");
    signal(pid, "SIGCONT");
    await answers(first, "a1");
    await answers(await scene.open(), "a1");
    assert.equal(scene.sshd.logins(), 2);
  });

  test("is killed takes its mailboxes along, and the next call starts another", async () => {
    await using scene = await startScene(form);
    const calls = [await scene.open({ stdio: "pipes" }), await scene.open()];
    await kill(await scene.master());
    for (const call of calls) {
      const { status, output, stderr } = await call.finished();
      assert.equal(status, 255);
      assert.match(output.toString(), /^\* PREAUTH [^\r\n]*\r\n$/);
      const isHeard = call === calls[0];
      assert.match(stderr, isHeard ? /^preauth: mail\.test: connection lost: .*\n$/ : /^$/);
    }
    await answers(await scene.open(), "a1");
    await scene.sshd.logged(/Accepted [\s\S]*Accepted /);
  });

  test("is killed while calls wait for it leaves them to themselves", async () => {
    await using scene = await startScene(form, { host: { "commands.imap": `sleep 1; ${GREET}; exec cat` } });
    const call = await scene.start();
    await scene.sshd.logged(/Starting session/);
    await kill(mastersOf(scene.home)[0] ?? 0);
    await call.readUntil(/^\* PREAUTH ready\r\n/, DEADLINE);
    assert.match(scene.home.log(), /master: .*: the call connects by itself/);
  });

  test("has lost its socket lets a new one take over, and leaves that one's alone", async () => {
    await using scene = await startScene(form);
    const first = await scene.open();
    const { pid, socket } = (await scene.status()) ?? { pid: 0, socket: "" };
    rmSync(socket);
    const second = await scene.open();
    assert.equal((await scene.status())?.socket, socket);
    signal(pid, "SIGTERM");
    assert.deepEqual(await first.exited(), LOST);
    await gone(pid);
    await answers(second, "a1");
    await answers(await scene.open(), "a1");
    assert.equal(scene.sshd.logins(), 2);
  });
});
