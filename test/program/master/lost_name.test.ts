import assert from "node:assert/strict";
import { once } from "node:events";
import { chownSync, mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { test } from "node:test";
import { describeForms } from "../../peers/binaries.ts";
import { gone } from "../../peers/processes.ts";
import { skipUnlessRoot } from "../../peers/rights.ts";
import { answers, logout, mastersOf, startScene } from "./shared_home.ts";

// logind takes /run/user/UID away at the last log-out, with the sockets in it. The process looks every 20 s.
const WITHIN = 45_000;

describeForms("a process in the background whose socket goes", { concurrency: 8, together: true }, (form) => {
  const host = { persist: "forever" } as const;

  test("makes itself known again, and serves the next call over the same connection", async () => {
    await using scene = await startScene(form, { host });
    assert.equal(await logout(await scene.open()), 0);
    const pid = await scene.master();
    rmSync(scene.home.env.XDG_RUNTIME_DIR ?? "", { recursive: true });
    await scene.logged(/master: listening again at /, WITHIN);
    assert.equal(await logout(await scene.open()), 0);
    assert.deepEqual([mastersOf(scene.home), scene.sshd.logins()], [[pid], 1]);
    assert.equal((await scene.run("--stop")).status, 0);
    await gone(pid);
  });

  test("of another user is not asked, though root could", { skip: skipUnlessRoot }, async () => {
    await using scene = await startScene(form, { host });
    const directory = join(scene.home.env.XDG_RUNTIME_DIR ?? "", "preauth");
    mkdirSync(directory, { mode: 0o700 });
    let asked = 0;
    const server = createServer((socket) => {
      asked++;
      socket.destroy();
    });
    const path = join(directory, "master-1.5");
    server.listen(path);
    await once(server, "listening");
    server.unref();
    chownSync(path, 12345, 12345);
    assert.equal((await scene.run("--status")).status, 1);
    assert.equal((await scene.run("--stop")).status, 1);
    assert.equal(asked, 0);
    server.close();
  });

  for (const [title, change] of [
    ["a file", (path: string) => writeFileSync(path, "")],
    ["a directory that others can enter", (path: string) => mkdirSync(path)],
  ] as const) {
    test(`ends when nothing uses it any more where ${title} has the place of its directory`, async () => {
      await using scene = await startScene(form, { host });
      const held = await scene.open();
      const pid = await scene.master();
      const directory = join(scene.home.env.XDG_RUNTIME_DIR ?? "", "preauth");
      renameSync(directory, `${directory}.old`);
      change(directory);
      await scene.logged(/master: cannot be found any more/, WITHIN);
      await answers(held, "a1");
      assert.equal(await logout(held), 0);
      await gone(pid);
      assert.match(scene.home.log(), /master: ended with status 0/);
    });
  }

  test("goes to the directory of a log-in, where calls look from then on", async () => {
    await using scene = await startScene(form, { host });
    const directory = scene.home.env.XDG_RUNTIME_DIR ?? "";
    rmSync(directory, { recursive: true });
    assert.equal(await logout(await scene.open()), 0);
    const pid = await scene.master();
    mkdirSync(directory, { mode: 0o700 });
    await scene.logged(/master: .* is not where callers look now\n.*master: listening again at /, WITHIN);
    assert.equal(await logout(await scene.open()), 0);
    assert.deepEqual([mastersOf(scene.home), scene.sshd.logins()], [[pid], 1]);
  });

  test("is found by --status and --stop in a directory that only its own environment names", async (t) => {
    if (process.platform !== "linux") return t.skip("no /proc tells where");
    await using scene = await startScene(form, { host });
    const other = join(scene.home.path, "other");
    mkdirSync(other, { mode: 0o700 });
    const session = await scene.open({ env: { XDG_RUNTIME_DIR: other } });
    const [pid] = mastersOf(scene.home);
    assert.equal(await scene.master(), pid);
    assert.match((await scene.run("--stop")).output.toString(), /^mail\.test: .*1 open mailbox\n/);
    assert.equal(await logout(session), 0);
    await gone(Number(pid));
  });

  test("ends when nothing uses it any more where another has its place, whatever the table says of its time", async () => {
    await using scene = await startScene(form, { host });
    const held = await scene.open();
    const pid = await scene.master();
    const directory = join(scene.home.env.XDG_RUNTIME_DIR ?? "", "preauth");
    for (const name of readdirSync(directory)) rmSync(join(directory, name));
    assert.equal(await logout(await scene.open()), 0);
    await scene.logged(/master: cannot be found any more/, WITHIN);
    assert.equal(await logout(held), 0);
    await gone(pid);
    assert.equal(mastersOf(scene.home).length, 1);
  });

  test("is found by --status and --stop where it listens, though a call would look elsewhere", async () => {
    await using scene = await startScene(form, { host });
    assert.equal(await logout(await scene.open({ env: { XDG_RUNTIME_DIR: "" } })), 0);
    const pid = await scene.master();
    assert.equal(await logout(await scene.open()), 0);
    const status = JSON.parse((await scene.run("--status", "--json")).output.toString());
    assert.equal(status.others.length, 1);
    assert.deepEqual(new Set([status.pid, status.others[0].pid]), new Set(mastersOf(scene.home)));
    assert.match((await scene.run("--status")).output.toString(), /^process .*\n(.*\n)+\nprocess /m);
    const { output } = await scene.run("--stop", "--now");
    assert.equal(output.toString(), "mail.test: ended\nmail.test: ended\n");
    await gone(pid);
    assert.deepEqual(mastersOf(scene.home), []);
  });
});

describeForms("a process in the background that has hardly a descriptor left", (form) => {
  test("turns callers away at once, who connect by themselves, and stays calm", async () => {
    await using scene = await startScene(form, {
      ...{ host: { persist: "1m" }, sshd: { config: ["MaxSessions 100"] } },
    });
    const under = ["prlimit", "--nofile=40:40"];
    const calls = [await scene.open({ under })];
    const pid = await scene.master();
    while (!/files may be open, and nearly all are/.test(scene.home.log())) {
      assert.ok(calls.length < 40, "it takes no more than it can");
      calls.push(await scene.open());
    }
    // The last one went without: it had a login of its own.
    assert.equal(scene.sshd.logins(), 2);
    assert.match(scene.home.log(), /master: too many files are open: the call connects by itself/);
    assert.ok(readdirSync(`/proc/${pid}/fd`).length <= 33);
    for (const call of calls) assert.equal(await logout(call), 0);
  });
});
