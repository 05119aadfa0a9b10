import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { describeForms } from "../../peers/binaries.ts";
import { makeHome, tableFor } from "../../peers/home.ts";
import { isAlive } from "../../peers/processes.ts";
import { startProxy } from "../../peers/proxy.ts";
import { startSshd } from "../../peers/sshd.ts";
import { makeGate, startMail } from "./mail_call.ts";
import { throughTable } from "./places.ts";
import { Drain, GREET, GREETING, MIB, Pump, peakMemory } from "./stream.ts";

const TIMEOUT = { timeout: 60_000 };

/** The contract's time from a hang-up to the end where the server goes on: it is given 2 s. In milliseconds. */
const GONE_FROM_DEAF = 3000;

/** How long somebody stalls, in milliseconds. */
const STALL = 5000;

/** What may be on its way when nobody takes it any more: pipes, the sockets' buffers, SSH's window. */
const UNDERWAY = 16 * MIB;

/** How much more memory a stall may take, in MiB. */
const STALLED = 32;

/** The most memory ever, in MiB: Bun's collector lets 120 MiB gather over its 60 while 200 MiB a second flow, Node's 50. */
const PEAK = 300;

/** Writes so many bytes that tell their place, in blocks of all sizes; ends at end-of-file. */
const GENERATOR = `
  my ($bytes, @sizes) = ($ARGV[0], 16, 256 * 1024, 160, 4096, 64 * 1024);
  for (my ($sent, $turn) = (0, 0); $sent < $bytes; $turn++) {
    my $size = $sizes[$turn % @sizes];
    $size = $bytes - $sent if $size > $bytes - $sent;
    my $block = sprintf("%15d\\n", $turn) x ($size / 16);
    for (my $done = 0; $done < $size;) {
      $done += syswrite(STDOUT, $block, $size - $done, $done) // exit 1;
    }
    $sent += $size;
  }
  1 while sysread(STDIN, my $nothing, 65536);
`;

describeForms("patience with a server that goes on", { together: true }, (form) => {
  // They wait, most of the time.
  describe("after the client's end of input", { concurrency: true }, () => {
    test("end of input where the network has gone: the end within 3 s", async () => {
      using home = makeHome();
      await using sshd = await startSshd();
      await using proxy = await startProxy({ to: sshd });
      home.writeTable(throughTable(home, sshd, proxy, { "commands.imap": `${GREET}; exec cat` }));
      await using call = await startMail(form, home);
      await call.readUntil(/PREAUTH/);
      proxy.freeze();
      call.end();
      assert.deepEqual(await call.exited(GONE_FROM_DEAF), { status: 0, signal: null });
    });

    for (const stdio of ["pipes", "socketpair"] as const) {
      test(`a remote command that ignores the end of input, ${stdio}: the end within 3 s`, async () => {
        using home = makeHome();
        await using sshd = await startSshd();
        home.writeTable(tableFor(sshd, { "commands.imap": `${GREET}; exec sleep 1000` }));
        await using call = await startMail(form, home, { stdio });
        await call.readUntil(/PREAUTH/);
        call.end();
        assert.deepEqual(await call.exited(GONE_FROM_DEAF), { status: 0, signal: null });
        assert.equal(call.output.toString(), GREETING);
        assert.equal(call.stderr, "");
        await sshd.idle();
      });
    }

    test("a server that says something every second is not cut, and its status counts", TIMEOUT, async () => {
      using home = makeHome();
      await using sshd = await startSshd();
      const talk = "for i in 1 2 3 4 5; do sleep 1; echo $i; done; exit 7";
      home.writeTable(tableFor(sshd, { "commands.imap": `${GREET}; cat >/dev/null; ${talk}` }));
      await using call = await startMail(form, home);
      await call.readUntil(/PREAUTH/);
      call.end();
      const { output, status } = await call.finished();
      assert.equal(output.toString(), `${GREETING}1\n2\n3\n4\n5\n`);
      assert.equal(status, 7);
    });

    test("a client that reads nothing for 5 s still gets all of it", TIMEOUT, async () => {
      using home = makeHome();
      await using sshd = await startSshd();
      const generator = `perl ${home.write("generator", GENERATOR)} ${8 * MIB}`;
      home.writeTable(tableFor(sshd, { "commands.imap": `${GREET}; cat >/dev/null; ${generator}; exit 7` }));
      await using call = await startMail(form, home, { collect: false });
      const drain = new Drain(call.stdout, GREETING.length);
      await drain.reached(0);
      call.end();
      drain.pause();
      await pause(STALL);
      assert.equal(isAlive(call.pid), true);
      drain.resume();
      assert.deepEqual(await drain.ended(), { bytes: 8 * MIB, sha256: hashOf(generator) });
      assert.deepEqual(await call.exited(), { status: 7, signal: null });
    });

    test("a server of another METHOD may take its time", TIMEOUT, async () => {
      using home = makeHome();
      await using sshd = await startSshd();
      home.writeTable(tableFor(sshd, { "commands.pop3": "cat >$HOME/mail; sleep 3; echo done" }));
      await using call = await startMail(form, home, { method: "pop3" });
      call.write("EHLO test\r\n");
      call.end();
      const { output, status } = await call.finished();
      assert.equal(output.toString(), "done\n");
      assert.equal(status, 0);
      assert.equal(readFileSync(join(sshd.home, "mail"), "latin1"), "EHLO test\r\n");
    });
  });

  describe("in the middle", { concurrency: true }, () => {
    test("a reader that stalls for 5 s loses nothing and fills no memory", TIMEOUT, async () => {
      using home = makeHome();
      await using sshd = await startSshd();
      const generator = `perl ${home.write("generator", GENERATOR)} ${256 * MIB}`;
      home.writeTable(tableFor(sshd, { "commands.imap": `${GREET}; exec ${generator}` }));
      await using call = await startMail(form, home, { collect: false });
      const drain = new Drain(call.stdout, GREETING.length);
      await drain.reached(64 * MIB);
      drain.pause();
      const before = peakMemory(call.pid);
      await pause(STALL);
      assert.ok(peakMemory(call.pid) - before < STALLED, `${peakMemory(call.pid)} after ${before} MiB`);
      drain.resume();
      await drain.reached(256 * MIB);
      const peak = peakMemory(call.pid);
      call.end();
      assert.deepEqual(await drain.ended(), { bytes: 256 * MIB, sha256: hashOf(generator) });
      assert.deepEqual(await call.exited(), { status: 0, signal: null });
      assert.ok(peak < PEAK, `${peak} MiB`);
    });

    test(
      "a server that stalls for 5 s stalls the writer, loses nothing and fills no memory",
      TIMEOUT,
      async () => {
        using home = makeHome();
        await using sshd = await startSshd();
        const gate = makeGate(home.path);
        home.writeTable(tableFor(sshd, { "commands.imap": `${GREET}; ${gate.wait}; exec sha256sum` }));
        await using call = await startMail(form, home);
        await call.readUntil(/PREAUTH/);
        const before = peakMemory(call.pid);
        const pump = new Pump();
        const sending = pump.run(call.stdin, 64 * MIB);
        await gate.reached();
        await pause(STALL);
        assert.ok(pump.bytes < UNDERWAY, `${pump.bytes} bytes were taken`);
        assert.ok(peakMemory(call.pid) - before < STALLED, `${peakMemory(call.pid)} after ${before} MiB`);
        gate.open();
        const { sha256 } = await sending;
        const peak = peakMemory(call.pid);
        call.end();
        const [, received] = await call.readUntil(/([0-9a-f]{64}) {2}-/);
        assert.equal(received, sha256);
        assert.deepEqual(await call.exited(), { status: 0, signal: null });
        assert.ok(peak < PEAK, `${peak} MiB`);
      },
    );
  });
});

/** The hash of what a command prints. */
function hashOf(command: string): string {
  return execFileSync("sh", ["-c", `${command} </dev/null | sha256sum`], { encoding: "utf8" }).slice(0, 64);
}
