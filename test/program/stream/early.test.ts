import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { test } from "node:test";
import { describeForms } from "../../peers/binaries.ts";
import { makeHome, tableFor } from "../../peers/home.ts";
import { isAlive } from "../../peers/processes.ts";
import { startSshd } from "../../peers/sshd.ts";
import { poll } from "../../peers/waiting.ts";
import { makeGate, startMail } from "./mail_call.ts";
import { GREET, GREETING, MIB } from "./stream.ts";

/** A hang-up ends the process within this time, in milliseconds. */
const GONE = 1000;

describeForms("bytes sent before the greeting", (form) => {
  test("come to the server after it, in order, and before those sent later", async () => {
    using home = makeHome();
    await using sshd = await startSshd();
    const gate = makeGate(home.path);
    home.writeTable(tableFor(sshd, { "commands.imap": `${gate.wait}; ${GREET}; exec cat` }));
    await using call = await startMail(form, home);
    call.write("a1 CAPABILITY\r\n");
    await gate.reached();
    call.write("a2 NOOP\r\n");
    assert.equal(call.output.length, 0);
    gate.open();
    await call.readUntil(/a2 NOOP\r\n/);
    call.write("a3 LOGOUT\r\n");
    call.end();
    const { output, status } = await call.finished();
    assert.equal(output.toString(), `${GREETING}a1 CAPABILITY\r\na2 NOOP\r\na3 LOGOUT\r\n`);
    assert.equal(status, 0);
  });

  test("and then end of input are no hang-up: both come to the server after its greeting", async () => {
    using home = makeHome();
    await using sshd = await startSshd();
    const gate = makeGate(home.path);
    home.writeTable(tableFor(sshd, { "commands.imap": `${gate.wait}; ${GREET}; cat; echo the end` }));
    await using call = await startMail(form, home);
    call.write("a1 LOGOUT\r\n");
    call.end();
    await gate.reached();
    await assert.rejects(call.exited(GONE), /waited/, "it must wait for the greeting");
    gate.open();
    const { output, status } = await call.finished();
    assert.equal(output.toString(), `${GREETING}a1 LOGOUT\r\nthe end\n`);
    assert.equal(status, 0);
  });

  test("stop being read at 64 KiB, and none of a mebibyte is dropped", async () => {
    using home = makeHome();
    await using sshd = await startSshd();
    const gate = makeGate(home.path);
    home.writeTable(tableFor(sshd, { "commands.imap": `${gate.wait}; ${GREET}; exec sha256sum` }));
    await using call = await startMail(form, home);
    const bytes = randomBytes(MIB);
    let taken = 0;
    for (let start = 0; start < MIB; start += 4096) {
      const piece = bytes.subarray(start, start + 4096);
      call.stdin.write(piece, (error) => {
        if (error == null) taken += piece.length;
      });
    }
    call.end();
    await gate.reached();
    await poll(
      () => taken > 64 * 1024,
      "more than 64 KiB to be taken",
      () => `${taken}`,
    );
    await assert.rejects(call.exited(GONE), /waited/, "it must wait for the greeting");
    // 64 KiB are kept, as much is in the pipe, and the last read may have brought as much again.
    assert.ok(taken <= 192 * 1024 + 4096, `${taken} bytes were taken`);
    gate.open();
    const { output, status } = await call.finished();
    const sha256 = createHash("sha256").update(bytes).digest("hex");
    assert.equal(output.toString(), `${GREETING}${sha256}  -\n`);
    assert.equal(status, 0);
  });

  test("and a client that has gone by then: the end within a second of the greeting", async () => {
    using home = makeHome();
    await using sshd = await startSshd();
    const gate = makeGate(home.path);
    home.writeTable(tableFor(sshd, { "commands.imap": `${gate.wait}; ${GREET}; exec sleep 1000` }));
    await using call = await startMail(form, home);
    call.write("a1 CAPABILITY\r\n");
    await gate.reached();
    call.hangUp();
    gate.open();
    assert.deepEqual(await call.exited(GONE), { status: 0, signal: null });
    await sshd.idle();
  });

  test("a client that only closes its output is noticed at the greeting: gone within a second", async () => {
    using home = makeHome();
    await using sshd = await startSshd();
    const gate = makeGate(home.path);
    home.writeTable(tableFor(sshd, { "commands.imap": `${gate.wait}; ${GREET}; exec sleep 1000` }));
    await using call = await startMail(form, home);
    await gate.reached();
    call.hangUpReading();
    assert.ok(isAlive(call.pid));
    gate.open();
    assert.deepEqual(await call.exited(GONE), { status: 0, signal: null });
    await sshd.idle();
  });
});
