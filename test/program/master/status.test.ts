import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { describeForms } from "../../peers/binaries.ts";
import { tableFor } from "../../peers/home.ts";
import { gone, isAlive } from "../../peers/processes.ts";
import { refusingPort, silentServer } from "../../peers/tcp.ts";
import { connected } from "../forwards/one_forward.ts";
import { answers, backgroundOf, logout, startScene } from "./shared_home.ts";

/** Local time to the second, as in the table. */
const TIME = String.raw`\d{4}-\d\d-\d\d \d\d:\d\d:\d\d`;

describeForms("--status", { concurrency: 4 }, (form) => {
  test("without a master: says so, in both forms, with status 1, and starts none", async () => {
    await using scene = await startScene(form);
    const table = await scene.run("--status");
    assert.equal(table.output.toString(), "no connection is open: no process runs in the background\n");
    assert.equal(table.status, 1);
    const json = await scene.run("--status", "--json");
    assert.equal(json.output.toString(), "null\n");
    assert.equal(json.status, 1);
    assert.deepEqual(backgroundOf(scene.home), []);
  });

  test("--json tells servers, users, sessions, spare, forwards, bytes, times", async () => {
    await using target = await silentServer();
    const port = await refusingPort();
    const to = `127.0.0.1:${target.port}`;
    await using scene = await startScene(form, {
      host: { spare: 1, persist: "1h" },
      table: `[[forward]]\nname = "smtp"\nlisten = ${port}\nto = "${to}"\n`,
    });
    const began = Date.now();
    const call = await scene.open();
    await answers(call, "a1");
    await answers(await scene.open(), "a1");
    const client = await connected(port);
    await target.connected();
    const status = await scene.statusOnce(
      ({ connections, forwards }) =>
        connections[0]?.spare === 1 && connections[0].roundTrip !== undefined && forwards[0]?.open === 1,
      "a spare mailbox, a round-trip time and a forward in use",
    );
    const { connections, forwards, ...master } = status;
    assert.equal(
      master.pid,
      backgroundOf(scene.home).find((pid) => pid === master.pid),
    );
    assert.match(master.socket, /\/preauth\/master-\d+\.1$/);
    assert.ok(master.since >= began - 1000 && master.since <= Date.now());
    const [connection, ...more] = connections;
    assert.deepEqual(more, []);
    const { since, bytesReceived, bytesSent, roundTrip, ...rest } = connection ?? { since: 0 };
    assert.ok(since >= began && since <= Date.now(), `${since}`);
    assert.ok(Number(bytesReceived) > 500 && Number(bytesSent) > 500, `${bytesReceived} and ${bytesSent}`);
    assert.ok(Number(roundTrip) > 0 && Number(roundTrip) < 10_000, `${roundTrip}`);
    assert.deepEqual(rest, {
      server: "mail.test",
      destination: `127.0.0.1:${scene.sshd.port}`,
      user: scene.sshd.user,
      sessions: 2,
      spare: 1,
    });
    const [{ state = "", ...forward } = {}, ...others] = forwards;
    assert.deepEqual(others, []);
    const owner = { pid: master.pid, uid: process.getuid?.(), program: "preauth" };
    assert.deepEqual(forward, { name: "smtp", listen: port, to, server: "mail.test", open: 1, owner });
    assert.match(state, /carries/);
    client.destroy();
  });

  test("tells whose the place of a forward is where another program has it", async (t) => {
    // One that starts nothing: whoever is being started has the descriptors of its parent until execve(2).
    const listen =
      'const s = require("net").createServer().listen(0, "127.0.0.1", () => console.log(s.address().port))';
    const taker = spawn(process.execPath, ["-e", listen], { stdio: ["ignore", "pipe", "inherit"] });
    t.after(() => taker.kill());
    const [line] = await once(taker.stdout, "data");
    const port = Number(line);
    await using scene = await startScene(form, {
      table: `[[forward]]\nname = "smtp"\nlisten = ${port}\nto = "mail:25"\n`,
    });
    const call = await scene.open();
    const { forwards } = await scene.statusOnce((it) => it.forwards[0]?.owner, "an owner");
    const { pid, uid, program } = forwards[0]?.owner ?? {};
    assert.deepEqual([pid, uid], [taker.pid, process.getuid?.()]);
    const { output } = await scene.run("--status");
    const row = new RegExp(` ${program} \\(${taker.pid}\\) +0 +port ${port} is in use by ${program} `);
    assert.match(output.toString(), row);
    assert.equal(await logout(call), 0);
  });

  test("tells until when an idle connection will stay", async () => {
    await using scene = await startScene(form, { host: { persist: "1h" } });
    assert.equal(await logout(await scene.open()), 0);
    const { connections } = await scene.statusOnce((it) => it.connections[0]?.sessions === 0, "no session");
    const left = Number(connections[0]?.until) - Date.now();
    assert.ok(left > 3_500_000 && left <= 3_600_000, `${left} ms`);
  });

  test("is a table for people", async () => {
    const port = await refusingPort();
    await using scene = await startScene(form, {
      table: `[[forward]]\nname = "smtp"\nlisten = ${port}\nto = "mail:25"\n`,
    });
    const call = await scene.open();
    await scene.logged(/carries port/);
    await scene.statusOnce((it) => it.connections[0]?.roundTrip !== undefined, "a round-trip time");
    const used = (await scene.run("--status")).output.toString();
    const user = scene.sshd.user;
    assert.match(
      used,
      new RegExp(`^process \\d+, since ${TIME}, at /.*/master-1\\.1\n\nSERVER +USER +TO +MAILBOXES`),
    );
    const row = `\nmail\\.test +${user} +127\\.0\\.0\\.1:\\d+ +1 +0 +[\\d.]+ k?B +[\\d.]+ k?B +[\\d.]+ ms +${TIME} +in use\n`;
    assert.match(used, new RegExp(row));
    assert.match(
      used,
      new RegExp(
        `\nFORWARD +SERVER +LISTEN +TO +OWNER +OPEN +STATE\nsmtp +mail\\.test +${port} +mail:25 +preauth \\(\\d+\\) +0 +`,
      ),
    );
    assert.equal(await logout(call), 0);
    await scene.statusOnce((it) => it.connections[0]?.sessions === 0, "no session");
    const idle = await scene.run("--status");
    assert.match(idle.output.toString(), new RegExp(` ms +${TIME} +${TIME}\n`));
    assert.equal(idle.status, 0);
    assert.equal(idle.stderr, "");
  });

  test("shows every connection of a server that has several", async () => {
    await using scene = await startScene(form, { sshd: { config: ["MaxSessions 1"] } });
    await scene.open();
    await scene.open();
    const status = await scene.status();
    assert.deepEqual(
      status?.connections.map(({ server, sessions }) => [server, sessions]),
      [
        ["mail.test", 1],
        ["mail.test", 1],
      ],
    );
  });

  test("of a master that hangs says so, as --stop does: 69", async () => {
    await using scene = await startScene(form);
    await scene.open();
    const pid = await scene.master();
    process.kill(pid, "SIGSTOP");
    try {
      for (const words of [["--status"], ["--status", "--json"], ["--stop"]]) {
        const { output, stderr, status } = await scene.run(...words);
        assert.equal(output.toString(), "", words.join(" "));
        assert.match(stderr, /^preauth: --st\w+: the process in the background cannot be asked: no answer /);
        assert.equal(status, 69);
      }
    } finally {
      process.kill(pid, "SIGCONT");
    }
  });

  test("takes no further words", async () => {
    await using scene = await startScene(form);
    for (const words of [
      ["--status", "work"],
      ["--status", "--json", "--json"],
      ["--stop", "a", "b"],
      ["--stop", "--later"],
    ]) {
      assert.equal((await scene.run(...words)).status, 64, words.join(" "));
    }
  });
});

describeForms("--stop", { concurrency: 4 }, (form) => {
  test("lets open mailboxes finish, and new calls log in anew", async () => {
    await using scene = await startScene(form, { host: { persist: "forever" } });
    const first = await scene.open();
    const pid = await scene.master();
    const { output, status } = await scene.run("--stop");
    assert.equal(output.toString(), "mail.test: ends after its last use: 1 open mailbox\n");
    assert.equal(status, 0);
    await answers(first, "a1");
    const second = await scene.open();
    await answers(second, "a1");
    assert.equal(scene.sshd.logins(), 2);
    assert.equal(await logout(first), 0);
    await scene.statusOnce(({ connections }) => connections.length === 1, "one connection");
    await answers(second, "a2");
    assert.equal((await scene.run("--stop")).status, 0);
    assert.equal(await logout(second), 0);
    await gone(pid);
    assert.deepEqual(backgroundOf(scene.home), []);
    await scene.sshd.idle();
  });

  test("--now ends them", async () => {
    await using scene = await startScene(form);
    const call = await scene.open();
    const pid = await scene.master();
    const { output, status } = await scene.run("--stop", "--now");
    assert.equal(output.toString(), "mail.test: ended\n");
    assert.equal(status, 0);
    assert.deepEqual(await call.exited(), { status: 255, signal: null });
    assert.match(call.output.toString(), /^\* PREAUTH [^\r\n]*\r\n$/);
    await gone(pid);
    await scene.sshd.idle();
    await answers(await scene.open(), "a1");
  });

  test("with nobody using it ends the master at once, with its forwards and its spare mailbox", async () => {
    const port = await refusingPort();
    await using scene = await startScene(form, {
      host: { persist: "forever", spare: 1 },
      table: `[[forward]]\nname = "smtp"\nlisten = ${port}\nto = "mail:25"\n`,
    });
    assert.equal(await logout(await scene.open()), 0);
    await scene.logged(/carries port/);
    await scene.statusOnce(({ connections }) => connections[0]?.spare === 1, "a spare mailbox");
    await scene.statusOnce(({ connections }) => connections[0]?.sessions === 0, "no session");
    const pid = await scene.master();
    const { output, status } = await scene.run("--stop", "--now");
    assert.equal(output.toString(), "mail.test: ended\n");
    assert.equal(status, 0);
    await gone(pid);
    await assert.rejects(connected(port));
    await scene.sshd.idle();
    assert.deepEqual(scene.imapds(), []);
  });

  test("SERVER ends that one only", async () => {
    await using scene = await startScene(form);
    const other = tableFor(scene.sshd, {
      match: "other.test",
      share: true,
      // Another known_hosts is another connection.
      known_hosts: scene.sshd.knownHostsFile("hashed"),
      "commands.imap": "printf '* PREAUTH ready\\r\\n'; exec cat",
    });
    scene.home.writeTable(`${other}\n${readFileSync(scene.home.tableFile, "utf8")}`);
    const mail = await scene.open();
    const second = await scene.open({ server: "other.test" });
    const pid = await scene.master();
    assert.equal((await scene.status())?.connections.length, 2);
    const { output } = await scene.run("--stop", "OTHER.test", "--now");
    assert.equal(output.toString(), "other.test: ended\n");
    assert.deepEqual(await second.exited(), { status: 255, signal: null });
    await answers(mail, "a1");
    assert.equal(isAlive(pid), true);
    const none = await scene.run("--stop", "third.test");
    assert.equal(none.stderr, "preauth: third.test: no connection is open\n");
    assert.equal(none.status, 1);
  });

  test("without a master says so, with status 1", async () => {
    await using scene = await startScene(form);
    const { stderr, status } = await scene.run("--stop");
    assert.equal(stderr, "preauth: --stop: no process runs in the background\n");
    assert.equal(status, 1);
  });
});
