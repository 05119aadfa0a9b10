import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { describeForms } from "../../peers/binaries.ts";
import { listen } from "../../peers/tcp.ts";
import { makeTemporary, removeTemporary } from "../../peers/temporary.ts";
import { poll } from "../../peers/waiting.ts";
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

/** Connections that come one after another, and after how many the master has what it needs for good. */
const IN_TURN = {
  executable: { all: 10_000, warm: 2_000 },
  node: { all: 800, warm: 400 },
} as const;

/** Clients that do so at the same time. */
const LANES = 8;

describeForms("a forward to METHOD imap", (form) => {
  const { all, warm } = IN_TURN[form.name];

  test(`holds after ${all} connections, one after another, what it held after ${warm}`, {
    timeout: 300_000,
  }, async () => {
    const folder = makeTemporary();
    // A reset: what the kernel remembers of thousands of closed connections would be in everybody's way for a minute.
    await using imapd = await listen((socket) => {
      socket.on("end", () => socket.resetAndDestroy()).resume();
      socket.write("* PREAUTH ready\r\n");
    });
    await using on = await inboxScene(form, { listen: join(folder, "inbox") });
    const { home } = on.scene;
    const place = `commands.imap = { to = "127.0.0.1:${imapd.port}" }`;
    home.writeTable(readFileSync(home.tableFile, "utf8").replace(/^"?commands\.imap.*$/m, place));
    await on.up("--for", "60s");
    const serve = async (count: number): Promise<void> => {
      for (let done = 0; done < count; done++) {
        using client = await on.greeted();
        client.end();
        await client.ended();
      }
    };
    const lanes = (count: number) => Promise.all(Array.from({ length: LANES }, () => serve(count / LANES)));
    const idle = () =>
      on.scene.statusOnce(
        ({ connections, forwards }) => connections[0]?.sessions === 0 && forwards[0]?.open === 0,
        "no session",
      );
    const master = await on.scene.master();
    await lanes(warm);
    await idle();
    const before = { descriptors: descriptorsOf(master).length, resident: resident(master) };
    await lanes(all - warm);
    await idle();
    // What each of them has needed is given back in a later turn: 8,000 leave 100 MiB until then.
    await poll(
      () => descriptorsOf(master).length <= before.descriptors && resident(master) - before.resident < 64,
      "what was held before",
      () => JSON.stringify({ before, descriptors: descriptorsOf(master).length, resident: resident(master) }),
      60_000,
    );
    assert.equal(imapd.connections, all + 1);
    assert.equal(on.scene.sshd.logins(), 1);
    removeTemporary(folder);
  });

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
