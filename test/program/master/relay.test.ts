import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { describeForms, type Form } from "../../peers/binaries.ts";
import type { Call } from "../../peers/call.ts";
import { processesMarked } from "../../peers/processes.ts";
import { refusal } from "../calls/client.ts";
import { makeGate } from "../stream/mail_call.ts";
import { Drain, GREET, GREETING, MIB, Pump, peakMemory, standingStill, writtenBy } from "../stream/stream.ts";
import { answers, logout, PREAUTH, type Scene, startScene } from "./shared_home.ts";

const TIMEOUT = { timeout: 60_000 };

/** The most memory ever, in MiB: as for the stream without a master. */
const PEAK = 300;

/** How much more memory a stall may take, in MiB. */
const STALLED = 32;

/** Ends the output of a remote shell: sshd tells that only when standard error has ended as well. */
const HALF_CLOSE = "exec >&- 2>&-";

function startImapd(form: Form, line: string): Promise<Scene> {
  return startScene(form, { host: { "commands.imap": `${GREET}; ${line}` } });
}

/** Sends bytes to a remote cat and compares what comes back. */
async function echo(call: Call, bytes: number): Promise<void> {
  const drain = new Drain(call.stdout, GREETING.length);
  const sent = await new Pump().run(call.stdin, bytes);
  await drain.reached(bytes);
  call.end();
  assert.deepEqual(await drain.ended(), sent);
  assert.equal(drain.head.toString(), GREETING);
  assert.deepEqual(await call.exited(), { status: 0, signal: null });
}

describeForms("a stream through the master", { concurrency: 4 }, (form) => {
  test("256 MiB go each way, byte for byte", TIMEOUT, async () => {
    await using scene = await startImapd(form, "exec cat");
    const call = await scene.start({ collect: false });
    await echo(call, 256 * MIB);
    const peak = peakMemory(await scene.master());
    assert.ok(peak < PEAK, `${peak} MiB`);
  });

  test("three at once, over one socketpair and pipes, byte for byte", TIMEOUT, async () => {
    await using scene = await startImapd(form, "exec cat");
    const kinds = ["alpine", "socketpair", "pipes"] as const;
    const calls = await Promise.all(kinds.map((stdio) => scene.start({ stdio, collect: false })));
    await Promise.all(calls.map((call) => echo(call, 16 * MIB)));
    assert.equal(scene.sshd.logins(), 1);
  });

  test("whose reader stalls holds up no other, and fills no memory", TIMEOUT, async () => {
    const line = `case $(cat $HOME/turn) in flood) exec yes '* 1 EXISTS';; *) exec cat;; esac`;
    await using scene = await startScene(form, {
      host: { "commands.imap": `${GREET}; ${line}` },
      sshd: { files: { turn: "flood\n" } },
    });
    const stalled = await scene.start({ collect: false });
    const drain = new Drain(stalled.stdout, GREETING.length);
    await drain.reached(MIB);
    drain.pause();
    await standingStill(() => writtenBy(processesMarked(`HOME=${scene.sshd.home}`)));
    const master = await scene.master();
    // The others do something else.
    writeFileSync(join(scene.sshd.home, "turn"), "cat\n");
    const others = [await scene.start({ collect: false }), await scene.start({ collect: false })];
    await Promise.all(others.map((call) => echo(call, 8 * MIB)));
    assert.ok(peakMemory(master) < PEAK, `${peakMemory(master)} MiB`);
    assert.ok(peakMemory(stalled.pid) < PEAK, `${peakMemory(stalled.pid)} MiB`);
    drain.resume();
    await drain.reached(drain.bytes + 4 * MIB);
    assert.equal(scene.sshd.logins(), 1);
  });

  test("whose server reads nothing stalls its writer, and fills no memory", TIMEOUT, async () => {
    await using scene = await startScene(form);
    const gate = makeGate(scene.home.path);
    const table = readFileSync(scene.home.tableFile, "utf8");
    const line = `commands.imap = ${JSON.stringify(`${GREET}; ${gate.wait}; exec sha256sum`)}`;
    scene.home.writeTable(table.replace(/^commands\.imap = .*$/m, line));
    const call = await scene.open();
    const master = await scene.master();
    const before = peakMemory(master);
    const pump = new Pump();
    const sending = pump.run(call.stdin, 64 * MIB);
    await gate.reached();
    await standingStill(() => pump.bytes);
    assert.ok(pump.bytes < 16 * MIB, `${pump.bytes} bytes were taken`);
    assert.ok(peakMemory(master) - before < STALLED, `${peakMemory(master)} after ${before} MiB`);
    gate.open();
    const { sha256 } = await sending;
    call.end();
    const [, received] = await call.readUntil(/([0-9a-f]{64}) {2}-/);
    assert.equal(received, sha256);
    assert.deepEqual(await call.exited(), { status: 0, signal: null });
  });

  test("a server that ends its output may go on reading", async () => {
    await using scene = await startImapd(form, `${HALF_CLOSE}; cat >$HOME/upload; exit 7`);
    for (const stdio of ["pipes", "socketpair"] as const) {
      const call = await scene.start({ stdio, collect: false });
      const drain = new Drain(call.stdout, GREETING.length);
      await drain.ended();
      const bytes = randomBytes(MIB);
      call.write(bytes);
      call.end();
      assert.deepEqual(await call.exited(), { status: 7, signal: null });
      const upload = readFileSync(join(scene.sshd.home, "upload"));
      assert.equal(hashOf(upload), hashOf(bytes));
    }
  });

  test("bytes and an end from before the greeting come to the server after it", async () => {
    await using scene = await startImapd(form, "cat; echo the end");
    const call = await scene.start();
    call.write("a1 LOGOUT\r\n");
    call.end();
    const { output, status } = await call.finished();
    assert.equal(output.toString(), `${GREETING}a1 LOGOUT\r\nthe end\n`);
    assert.equal(status, 0);
  });

  test("what the server says on standard error, 4 MiB of it, is in the log and not in the stream", async () => {
    const noise = `perl -e 'print STDERR "x" x 4000, "\\n" for 1 .. 1049'`;
    await using scene = await startScene(form, {
      host: {
        "commands.imap": `echo first noise; ${noise}; ${GREET}; ${noise}; echo a \\\\033 word >&2; exec cat`,
      },
    });
    const call = await scene.start();
    call.write("a1 NOOP\r\n");
    await call.readUntil(/a1 NOOP\r\n/);
    call.end();
    const { output, status } = await call.finished();
    assert.equal(output.toString(), `${GREETING}a1 NOOP\r\n`);
    assert.equal(status, 0);
    await scene.logged(/mail\.test: said: a .* word/);
  });

  for (const [line, status] of [
    ["read line; exit 3", 3],
    ["read line; kill -TERM $$", 143],
    ["read line; kill -KILL $$", 137],
    ["read line; exec /nowhere/imapd", 127],
  ] as const) {
    test(`the status after "${line}" is ${status}, and nothing is said`, async () => {
      await using scene = await startImapd(form, line);
      for (const stdio of ["alpine", "pipes"] as const) {
        const call = await scene.open({ stdio });
        call.write("a1 NOOP\r\n");
        const finished = await call.finished();
        assert.equal(finished.output.toString(), GREETING);
        assert.equal(finished.stderr, "");
        assert.equal(finished.status, status);
      }
      assert.equal(scene.sshd.logins(), 1);
    });
  }

  test("a command that is missing: 127, with the reason, and the connection is used again", async () => {
    await using scene = await startScene(form, { host: { "commands.imap": "exec /nowhere/imapd" } });
    for (let round = 0; round < 2; round++) {
      const call = await scene.open();
      call.write("A7 SELECT INBOX\r\n");
      const { output, status } = await call.finished();
      const [, reason = ""] = /\* BYE preauth: (.*)\r\n/.exec(output.toString()) ?? [];
      assert.match(
        reason,
        /^mail\.test: ".*nowhere.*" \(the remote command ended with status 127 before any greeting\)/,
      );
      assert.equal(output.toString(), refusal(reason));
      assert.equal(status, 127);
    }
    assert.equal(scene.sshd.logins(), 1);
  });

  test("a login that cannot be had: 77 with the reason, for each who waits", async () => {
    await using scene = await startScene(form);
    scene.home.writeTable(
      readFileSync(scene.home.tableFile, "utf8").replace(/^identity = .*$/m, 'identity = "/nowhere/id"'),
    );
    const calls = [await scene.start({ stdio: "pipes" }), await scene.start({ stdio: "pipes" })];
    for (const call of calls) {
      const { status, output, stderr } = await call.finished();
      assert.equal(output.toString(), "");
      assert.match(stderr, /^preauth: mail\.test: no key to log in with as .*\n/);
      assert.equal(status, 77);
    }
  });

  test("another METHOD has its own command, its status, and its time", async () => {
    const pop3 = "cat >$HOME/mail; sleep 2.5; echo done; echo trouble >&2; exit 7";
    await using scene = await startScene(form, {
      host: { "commands.pop3": pop3, "commands.nntp": "exit 0" },
    });
    const mailbox = await scene.open();
    const call = await scene.start({ method: "pop3", stdio: "pipes" });
    call.write("EHLO test\r\n");
    call.end();
    const { output, status, stderr } = await call.finished();
    assert.equal(output.toString(), "done\n");
    assert.equal(stderr, 'preauth: mail.test: pop3 ended with status 7: "trouble"\n');
    assert.equal(status, 7);
    assert.equal(readFileSync(join(scene.sshd.home, "mail"), "latin1"), "EHLO test\r\n");
    const none = await scene.start({ method: "nntp" });
    assert.deepEqual((await none.finished()).output.toString(), "");
    await answers(mailbox, "a1");
    assert.equal(await logout(mailbox), 0);
    const unknown = await scene.start({ method: "ftp", stdio: "pipes" });
    const refused = await unknown.finished();
    assert.match(refused.stderr, /^preauth: mail\.test: the table has no command for METHOD "ftp"\n/);
    assert.equal(refused.status, 69);
    assert.equal(scene.sshd.logins(), 1);
  });

  test("the real imapd's mail is whole", async () => {
    await using scene = await startScene(form);
    const call = await scene.open({ stdio: "socketpair" });
    call.write("a1 SELECT INBOX\r\na2 FETCH 1:* BODY.PEEK[]\r\n");
    await call.readUntil(/^a2 OK .*\r\n/m);
    assert.match(call.output.toString(), PREAUTH);
    assert.equal(call.output.toString().match(/^Message-ID: <\d@mail\.test>\r$/gm)?.length, 3);
    assert.equal(await logout(call), 0);
  });
});

function hashOf(bytes: Buffer): string {
  return createHash("sha256").update(bytes).digest("hex");
}
