import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { describeForms } from "../../peers/binaries.ts";
import { makeMailbox } from "../../peers/dovecot.ts";
import { makeHome, tableFor } from "../../peers/home.ts";
import { processesMarked, signal } from "../../peers/processes.ts";
import { startProxy } from "../../peers/proxy.ts";
import { startSshd } from "../../peers/sshd.ts";
import { poll } from "../../peers/waiting.ts";
import { makeGate, startMail } from "./mail_call.ts";
import { throughTable } from "./places.ts";
import { Drain, GREET, GREETING } from "./stream.ts";

/** Ends the output of a remote shell: sshd tells that only when standard error has ended as well. */
const HALF_CLOSE = "exec >&- 2>&-";

/** What a server can send before anybody reads: nearly all of the window that a channel begins with (128 KiB). */
const AHEAD = 120_000;

describeForms("the end of a session", (form) => {
  for (const stdio of ["alpine", "pipes", "socketpair"] as const) {
    test(`LOGOUT, ${stdio}: BYE and the tagged OK whole, nothing else, then the end`, async () => {
      using home = makeHome();
      using mailbox = makeMailbox();
      await using sshd = await startSshd();
      home.writeTable(tableFor(sshd, { "commands.imap": mailbox.command }));
      await using call = await startMail(form, home, { stdio });
      await call.readUntil(/^\* PREAUTH .*\r\n/);
      call.write("a1 LOGOUT\r\n");
      const { output, stderr, status } = await call.finished();
      assert.match(output.toString(), /^\* PREAUTH [^\r\n]*\r\n\* BYE [^\r\n]*\r\na1 OK [^\r\n]*\r\n$/);
      assert.equal(stderr, "");
      assert.equal(status, 0);
      // What Dovecot says on standard error at the end of each session.
      assert.match(home.log(), /said: .*Info: (Disconnected|Logged out)/i);
      await sshd.idle();
    });
  }

  test("a server that closes right behind its last words loses none of them", async () => {
    using home = makeHome();
    await using sshd = await startSshd();
    const farewell = "* BYE so long\\r\\na1 OK and thanks\\r\\n";
    home.writeTable(tableFor(sshd, { "commands.imap": `${GREET}; read line; printf '${farewell}'` }));
    for (let round = 0; round < 5; round++) {
      await using call = await startMail(form, home);
      call.write("a1 LOGOUT\r\n");
      const { output, status } = await call.finished();
      assert.equal(output.toString(), `${GREETING}* BYE so long\r\na1 OK and thanks\r\n`);
      assert.equal(status, 0);
    }
  });

  test("a server that has ended long before its output is read loses none of it", async () => {
    using home = makeHome();
    await using sshd = await startSshd();
    home.writeTable(tableFor(sshd, { "commands.imap": `${GREET}; head -c ${AHEAD} /dev/zero; exit 7` }));
    await using call = await startMail(form, home, { collect: false });
    const drain = new Drain(call.stdout, GREETING.length);
    await drain.reached(1);
    drain.pause();
    await poll(() => processesMarked(`HOME=${sshd.home}`).length === 0, "the end of the remote command");
    drain.resume();
    const { bytes } = await drain.ended();
    assert.equal(bytes, AHEAD);
    assert.deepEqual(await call.exited(), { status: 7, signal: null });
  });

  for (const [name, status] of [
    ["TERM", 143],
    ["KILL", 137],
    ["HUP", 129],
  ] as const) {
    test(`a remote command killed by SIG${name} ends as ${status}`, async () => {
      using home = makeHome();
      await using sshd = await startSshd();
      home.writeTable(tableFor(sshd, { "commands.imap": `${GREET}; read line; kill -${name} $$` }));
      await using call = await startMail(form, home);
      await call.readUntil(/PREAUTH/);
      call.write("a1 NOOP\r\n");
      const { output, ...ended } = await call.finished();
      assert.equal(output.toString(), GREETING);
      assert.equal(ended.status, status);
    });
  }

  for (const stdio of ["alpine", "pipes", "socketpair", "closed-stderr", "devnull"] as const) {
    test(`a connection lost in the middle, ${stdio}: all that came, then 255`, async () => {
      using home = makeHome();
      await using sshd = await startSshd();
      await using proxy = await startProxy({ to: sshd });
      const command = `${GREET}; head -c ${AHEAD} /dev/zero; exec sleep 1000`;
      home.writeTable(throughTable(home, sshd, proxy, { "commands.imap": command }));
      await using call = await startMail(form, home, { stdio, collect: false });
      const drain = new Drain(call.stdout, GREETING.length);
      await drain.reached(1);
      drain.pause();
      await poll(() => proxy.down > AHEAD, "all of it to have come");
      for (const session of sshd.sessions()) signal(session, "SIGKILL");
      await sshd.idle();
      // The program has closed its end as well.
      await proxy.idle();
      drain.resume();
      const { bytes } = await drain.ended();
      assert.deepEqual(await call.exited(), { status: 255, signal: null });
      assert.equal(bytes, AHEAD);
      const { stderr } = await call.finished();
      const expected = stdio === "pipes" || stdio === "socketpair";
      assert.match(stderr, expected ? /^preauth: mail\.test: connection lost[^\n]*\n$/ : /^$/);
      assert.match(home.log(), /connection lost/);
    });
  }

  for (const [method, stdio] of [
    ["imap", "alpine"],
    ["imap", "pipes"],
    ["imap", "socketpair"],
    ["pop3", "pipes"],
    ["pop3", "socketpair"],
  ] as const) {
    test(`a ${method} server that ends its output may go on reading, ${stdio}`, async () => {
      using home = makeHome();
      await using sshd = await startSshd();
      home.writeTable(tableFor(sshd, { command: `${GREET}; ${HALF_CLOSE}; cat >$HOME/upload; exit 7` }));
      await using call = await startMail(form, home, { method, stdio, collect: false });
      const drain = new Drain(call.stdout, GREETING.length);
      await drain.ended();
      assert.equal(drain.head.toString(), GREETING);
      const upload = join(sshd.home, "upload");
      await poll(() => existsSync(upload), upload);
      call.write("late words\r\n".repeat(10_000));
      call.end();
      assert.deepEqual(await call.exited(), { status: 7, signal: null });
      assert.equal(readFileSync(upload, "latin1"), "late words\r\n".repeat(10_000));
    });
  }

  for (const stdio of ["alpine", "socketpair"] as const) {
    test(`end of input is passed on while the output goes on, ${stdio}`, async () => {
      using home = makeHome();
      await using sshd = await startSshd();
      const gate = makeGate(home.path);
      home.writeTable(tableFor(sshd, { "commands.pop3": `cat; ${gate.wait}; echo done; exit 7` }));
      await using call = await startMail(form, home, { method: "pop3", stdio });
      call.write("QUIT\r\n");
      call.end();
      await gate.reached();
      gate.open();
      const { output, status } = await call.finished();
      assert.equal(output.toString(), "QUIT\r\ndone\n");
      assert.equal(status, 7);
    });
  }
});
