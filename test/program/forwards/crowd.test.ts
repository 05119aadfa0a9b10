import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { describeForms } from "../../peers/binaries.ts";
import { descriptorsOf } from "../master/shared_home.ts";
import { inboxScene } from "./inbox.ts";

/** As many as a mail program with all its folders never opens. */
const MANY = 200;

/** An imapd that says back what it hears, and never stops at the word "flood". */
const IMAPD = [
  "echo '* PREAUTH ready'",
  'while read line; do case "$line" in flood*) exec yes;; *) echo "$line"; esac; done',
].join("; ");

/** MiB that a process has in memory. */
function resident(pid: number): number {
  return Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]) / 1024;
}

describeForms("a forward to METHOD imap", (form) => {
  test(`serves ${MANY} connections beside one that never reads, and keeps nothing of them`, {
    timeout: 120_000,
  }, async () => {
    const config = [`MaxSessions ${MANY + 50}`];
    await using on = await inboxScene(form, { sshd: { config }, host: { "commands.imap": IMAPD } });
    await on.up("--for", "60s");
    // What the first mailbox loads stays.
    const first = await on.greeted();
    first.end();
    await first.ended();
    const master = await on.scene.master();
    await on.scene.statusOnce(({ connections }) => connections[0]?.sessions === 0, "no session");
    const descriptors = descriptorsOf(master).length;

    const idler = await on.greeted();
    idler.socket.pause();
    idler.say("flood\n");
    const clients = await Promise.all(Array.from({ length: MANY }, () => on.greeted()));
    const before = resident(master);
    for (const [index, client] of clients.entries()) client.say(`line ${index}\n`);
    await Promise.all(clients.map((client, index) => client.until(new RegExp(`^line ${index}\n`, "m"))));
    const status = await on.scene.status();
    assert.equal(status?.connections[0]?.sessions, MANY + 1);
    assert.equal(status?.forwards[0]?.open, MANY + 1);
    assert.ok(resident(master) - before < 64, `${before} MiB, then ${resident(master)} MiB`);

    for (const client of clients) client.end();
    await Promise.all(clients.map((client) => client.ended()));
    idler[Symbol.dispose]();
    await on.scene.statusOnce(
      ({ connections, forwards }) => connections[0]?.sessions === 0 && forwards[0]?.open === 0,
      "no session",
    );
    assert.equal(descriptorsOf(master).length, descriptors);
    assert.equal(on.scene.sshd.logins(), 1);
    // sshd's process for the connection, and no other.
    assert.equal(on.scene.sshd.sessions().length, 1);
  });
});
