import assert from "node:assert/strict";
import { test } from "node:test";
import { describeForms } from "../../peers/binaries.ts";
import type { Call } from "../../peers/call.ts";
import { poll } from "../../peers/waiting.ts";
import { refusal } from "../calls/client.ts";
import { answers, logout, PREAUTH, startScene } from "./shared_home.ts";

/** All that a client has read: the greeting and its own dialogue, to the last byte. */
function saidOnly(call: Call, tag: string): void {
  const lines = call.output.toString("latin1").split("\r\n");
  assert.match(`${lines[0]}\r\n`, PREAUTH);
  assert.match(lines[1] ?? "", new RegExp(`^${tag} OK `));
  assert.deepEqual(lines.slice(2), [""]);
}

/** Each call is told that the server opens no session, and ends so. */
async function areTold(calls: readonly Call[]): Promise<void> {
  for (const call of calls) {
    await call.readUntil(PREAUTH);
    call.write("A7 SELECT INBOX\r\n");
    const { output, status } = await call.finished();
    assert.equal(output.toString(), refusal('mail.test: the server opens no session: "open failed"'));
    assert.equal(status, 69);
  }
}

describeForms("a server's limit of sessions", { concurrency: 4 }, (form) => {
  test("ten mailboxes where it is four: ten are greeted over three logins at most", async () => {
    await using scene = await startScene(form, { sshd: { config: ["MaxSessions 4"] } });
    const calls = await Promise.all(Array.from({ length: 10 }, () => scene.start()));
    for (const call of calls) await call.readUntil(PREAUTH);
    assert.ok(scene.sshd.logins() <= 3, scene.sshd.log());
    for (const call of calls) await answers(call, "a1");
    for (const call of calls) saidOnly(call, "a1");
    // Room that has become free is used again.
    for (const call of calls.slice(0, 5)) assert.equal(await logout(call), 0);
    const more = await Promise.all(Array.from({ length: 5 }, () => scene.start()));
    for (const call of more) await answers(call, "a1");
    assert.ok(scene.sshd.logins() <= 3, scene.sshd.log());
  });

  test("ten mailboxes one after another: the same", async () => {
    await using scene = await startScene(form, { sshd: { config: ["MaxSessions 4"] } });
    const calls: Call[] = [];
    for (let turn = 0; turn < 10; turn++) calls.push(await scene.open());
    for (const call of calls) await answers(call, "a1");
    for (const call of calls) saidOnly(call, "a1");
    assert.ok(scene.sshd.logins() <= 3, scene.sshd.log());
    const status = await scene.status();
    assert.deepEqual(status?.connections.map(({ sessions }) => sessions).sort(), [2, 4, 4]);
  });

  test("one: each mailbox has a connection of its own", async () => {
    await using scene = await startScene(form, { sshd: { config: ["MaxSessions 1"] } });
    const calls = await Promise.all(Array.from({ length: 3 }, () => scene.start()));
    for (const call of calls) await call.readUntil(PREAUTH);
    for (const call of calls) await answers(call, "a1");
    for (const call of calls) saidOnly(call, "a1");
    assert.equal(scene.sshd.logins(), 3);
    for (const call of calls) assert.equal(await logout(call), 0);
    await answers(await scene.open(), "a1");
    assert.equal(scene.sshd.logins(), 3);
  });

  test("none: every call is told so, after one login", async () => {
    await using scene = await startScene(form, {
      sshd: { config: ["MaxSessions 0"] },
      host: { persist: "0" },
    });
    const calls = await Promise.all(Array.from({ length: 3 }, () => scene.start()));
    await areTold(calls);
    assert.equal(scene.sshd.logins(), 1);
    // The next login has its command go along, which ends the connection; those after it do not any more.
    for (const most of [3, 4]) {
      await poll(async () => (await scene.status()) === null, "the end of the master");
      const next = await Promise.all(Array.from({ length: 3 }, () => scene.start()));
      await areTold(next);
      assert.ok(scene.sshd.logins() <= most, scene.home.log());
    }
  });
});
