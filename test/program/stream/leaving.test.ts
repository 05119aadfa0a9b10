import assert from "node:assert/strict";
import { test } from "node:test";
import { describeForms } from "../../peers/binaries.ts";
import { makeMailbox } from "../../peers/dovecot.ts";
import { makeHome, tableFor } from "../../peers/home.ts";
import { processesMarked } from "../../peers/processes.ts";
import { startProxy } from "../../peers/proxy.ts";
import { startSshd } from "../../peers/sshd.ts";
import { makeGate, nothingRuns, startMail } from "./mail_call.ts";
import { throughTable } from "./places.ts";
import { Drain, GREET, GREETING, MIB, Pump, standingStill, writtenBy } from "./stream.ts";

/** The contract's time from a hang-up to the end of the process, in milliseconds. */
const GONE = 1000;

const SIGNALS = [
  ["SIGHUP", 129],
  ["SIGINT", 130],
  ["SIGTERM", 143],
] as const;

describeForms("hang-up after the greeting", (form) => {
  for (const stdio of ["alpine", "pipes", "socketpair"] as const) {
    test(`Dovecot, ${stdio}: end of input ends all within a second`, async () => {
      using home = makeHome();
      using mailbox = makeMailbox();
      await using sshd = await startSshd();
      home.writeTable(tableFor(sshd, { "commands.imap": mailbox.command }));
      await using call = await startMail(form, home, { stdio });
      await call.readUntil(/^\* PREAUTH .*\r\n/);
      call.write("a1 SELECT INBOX\r\n");
      await call.readUntil(/a1 OK .*\r\n/);
      call.end();
      assert.deepEqual(await call.exited(GONE), { status: 0, signal: null });
      await sshd.idle();
      await nothingRuns(home, GONE);
    });

    test(`Dovecot, ${stdio}: a client that is killed while it idles ends all within a second`, async () => {
      using home = makeHome();
      using mailbox = makeMailbox();
      await using sshd = await startSshd();
      home.writeTable(tableFor(sshd, { "commands.imap": mailbox.command }));
      await using call = await startMail(form, home, { stdio });
      await call.readUntil(/^\* PREAUTH .*\r\n/);
      call.write("a1 SELECT INBOX\r\na2 IDLE\r\n");
      await call.readUntil(/^\+ idling\r\n/m);
      call.hangUp();
      assert.deepEqual(await call.exited(GONE), { status: 0, signal: null });
      await sshd.idle();
    });
  }

  for (const [name, status] of SIGNALS) {
    test(`${name} ends all within a second, with status ${status}`, async () => {
      using home = makeHome();
      using mailbox = makeMailbox();
      await using sshd = await startSshd();
      home.writeTable(tableFor(sshd, { "commands.imap": mailbox.command }));
      await using call = await startMail(form, home);
      const [greeting] = await call.readUntil(/^\* PREAUTH .*\r\n/);
      call.signal(name);
      assert.deepEqual(await call.exited(GONE), { status, signal: null });
      assert.equal(call.output.toString(), greeting);
      await sshd.idle();
    });

    test(`${name} ends a call of another METHOD within a second, with status ${status}`, async () => {
      using home = makeHome();
      await using sshd = await startSshd();
      home.writeTable(tableFor(sshd, { "commands.smtp": "echo 220 ready; exec sleep 1000" }));
      await using call = await startMail(form, home, { method: "smtp" });
      await call.readUntil(/220 ready/);
      call.signal(name);
      assert.deepEqual(await call.exited(GONE), { status, signal: null });
      assert.equal(call.output.toString(), "220 ready\n");
      await sshd.idle();
    });
  }

  test("SIGTERM ends all within a second where the network has gone", async () => {
    using home = makeHome();
    await using sshd = await startSshd();
    await using proxy = await startProxy({ to: sshd });
    home.writeTable(throughTable(home, sshd, proxy, { "commands.imap": `${GREET}; exec cat` }));
    await using call = await startMail(form, home);
    await call.readUntil(/PREAUTH/);
    proxy.freeze();
    call.signal("SIGTERM");
    assert.deepEqual(await call.exited(GONE), { status: 143, signal: null });
  });

  test("SIGTERM ends all within a second while a server that has been left is still listened to", async () => {
    using home = makeHome();
    await using sshd = await startSshd();
    const gate = makeGate(home.path);
    const command = `${GREET}; cat >/dev/null; ${gate.wait}; exec sleep 1000`;
    home.writeTable(tableFor(sshd, { "commands.imap": command }));
    await using call = await startMail(form, home);
    await call.readUntil(/PREAUTH/);
    call.end();
    await gate.reached();
    call.signal("SIGTERM");
    assert.deepEqual(await call.exited(GONE), { status: 143, signal: null });
    await sshd.idle();
  });

  test("SIGTERM ends all within a second while nobody reads what the server says", async () => {
    using home = makeHome();
    await using sshd = await startSshd();
    home.writeTable(tableFor(sshd, { "commands.imap": `${GREET}; exec yes '* 1 EXISTS'` }));
    await using call = await startMail(form, home, { collect: false });
    const drain = new Drain(call.stdout, GREETING.length);
    await drain.reached(MIB);
    drain.pause();
    await standingStill(() => writtenBy(processesMarked(`HOME=${sshd.home}`)));
    call.signal("SIGTERM");
    assert.deepEqual(await call.exited(GONE), { status: 143, signal: null });
    await sshd.idle();
  });

  test("a client that is killed while it does not read ends all within a second", async () => {
    using home = makeHome();
    await using sshd = await startSshd();
    home.writeTable(tableFor(sshd, { "commands.imap": `${GREET}; exec yes '* 1 EXISTS'` }));
    await using call = await startMail(form, home, { collect: false });
    const drain = new Drain(call.stdout, GREETING.length);
    await drain.reached(MIB);
    drain.pause();
    await standingStill(() => writtenBy(processesMarked(`HOME=${sshd.home}`)));
    call.hangUp();
    assert.deepEqual(await call.exited(GONE), { status: 0, signal: null });
    await sshd.idle();
  });

  test("SIGTERM ends all within a second while the server reads nothing", async () => {
    using home = makeHome();
    await using sshd = await startSshd();
    home.writeTable(tableFor(sshd, { "commands.imap": `${GREET}; exec sleep 1000` }));
    await using call = await startMail(form, home);
    await call.readUntil(/PREAUTH/);
    const pump = new Pump();
    // It ends in EPIPE.
    pump.run(call.stdin, 64 * MIB).catch(() => {});
    await standingStill(() => pump.bytes);
    assert.ok(pump.bytes < 64 * MIB);
    call.signal("SIGTERM");
    assert.deepEqual(await call.exited(GONE), { status: 143, signal: null });
    await sshd.idle();
  });

  test("a ProxyCommand that does not end by itself ends with the call", async () => {
    using home = makeHome();
    await using sshd = await startSshd();
    const relay = `exec 3<>/dev/tcp/${sshd.host}/${sshd.port}; cat <&3 & cat >&3; sleep 1000`;
    const script = home.write("proxy", `#!/bin/bash\n${relay}\n`, 0o700);
    const ssh_config = home.write("ssh_config", `Host *\n  ProxyCommand ${script}\n`);
    home.writeTable(tableFor(sshd, { ssh_config, "commands.imap": `${GREET}; exec cat` }));
    await using call = await startMail(form, home);
    await call.readUntil(/PREAUTH/);
    call.end();
    assert.deepEqual(await call.exited(GONE), { status: 0, signal: null });
    await nothingRuns(home, GONE);
  });

  test("a reader that dies in the middle is a quiet end, with status 0", async () => {
    using home = makeHome();
    await using sshd = await startSshd();
    home.writeTable(tableFor(sshd, { "commands.imap": `${GREET}; exec yes '* 1 EXISTS'` }));
    await using call = await startMail(form, home, { stdio: "pipes" });
    await call.readUntil(/EXISTS/);
    call.hangUpReading();
    assert.deepEqual(await call.exited(GONE), { status: 0, signal: null });
    assert.equal(call.stderr, "");
    await sshd.idle();
  });

  test("a reader of another METHOD that dies in the middle is a quiet end, with status 0", async () => {
    using home = makeHome();
    await using sshd = await startSshd();
    home.writeTable(tableFor(sshd, { "commands.smtp": "exec yes 250-" }));
    await using call = await startMail(form, home, { method: "smtp", stdio: "pipes" });
    await call.readUntil(/250-/);
    call.hangUpReading();
    assert.deepEqual(await call.exited(GONE), { status: 0, signal: null });
    assert.equal(call.stderr, "");
    await sshd.idle();
  });
});
