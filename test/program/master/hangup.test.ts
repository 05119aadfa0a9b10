import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { describeForms, type Form } from "../../peers/binaries.ts";
import type { Call } from "../../peers/call.ts";
import { poll } from "../../peers/waiting.ts";
import { nothingRuns, startMail } from "../stream/mail_call.ts";
import { PLACES, type Place, WITHOUT_GREETING } from "../stream/places.ts";
import { Drain, GREET, GREETING, MIB } from "../stream/stream.ts";
import { answers, callersOf, logout, mastersOf, startScene } from "./shared_home.ts";

/** The contract's time from a hang-up to the end of the process, in milliseconds. */
const GONE = 1000;

/** What the master has to take leave of its servers and end, in milliseconds. */
const LEFT = 3000;

/** The same where the server ignores the end of the client's input. */
const GONE_FROM_DEAF = 3000;

/** One of two calls that wait at a place is broken off, then the other: nothing may be left. */
async function breakOff(form: Form, place: Place, act: (call: Call) => void, status: number): Promise<void> {
  await using standstill = await place.arrange();
  const { home, options } = standstill;
  const table = readFileSync(home.tableFile, "utf8").replace("share = false", "share = true");
  home.writeTable(`${table}persist = "0"\n`);
  await using call = await startMail(form, home, options);
  const master = await poll(() => mastersOf(home)[0], "a master");
  await standstill.reached(master);
  await using other = await startMail(form, home, options);
  await poll(() => callersOf(home) === 2, "the other call at the master");
  act(call);
  assert.deepEqual(await call.exited(GONE), { status, signal: null });
  assert.equal(call.output.toString(), "");
  other.end();
  assert.deepEqual(await other.exited(GONE), { status: 69, signal: null });
  assert.equal(other.output.toString(), "");
  await nothingRuns(home, LEFT);
  await standstill.forgotten();
}

describeForms("with a master, a hang-up before the greeting", { concurrency: 4 }, (form) => {
  for (const place of PLACES) {
    test(
      `while ${place.title}: gone within a second, and nothing is left`,
      { skip: place.skip ?? false },
      () => breakOff(form, place, (call) => call.signal("SIGTERM"), 143),
    );
  }

  test("of a client that is killed", () => breakOff(form, WITHOUT_GREETING, (call) => call.hangUp(), 69));
  test("by SIGHUP", () => breakOff(form, WITHOUT_GREETING, (call) => call.signal("SIGHUP"), 129));
});

describeForms("with a master, a hang-up after the greeting", { concurrency: 4 }, (form) => {
  for (const stdio of ["alpine", "socketpair"] as const) {
    test(`of a client that dies while it idles, ${stdio}: gone, and others live`, async () => {
      await using scene = await startScene(form);
      const other = await scene.open();
      const call = await scene.open({ stdio });
      call.write("a1 SELECT INBOX\r\na2 IDLE\r\n");
      await call.readUntil(/^\+ idling\r\n/m);
      call.hangUp();
      assert.deepEqual(await call.exited(GONE), { status: 0, signal: null });
      await scene.statusOnce(({ connections }) => connections[0]?.sessions === 1, "the end of its session");
      await answers(other, "a1");
      assert.equal(await logout(other), 0);
      assert.equal(scene.sshd.logins(), 1);
    });
  }

  test("at once by kill -9: its session ends, and others live", async () => {
    await using scene = await startScene(form);
    const other = await scene.open();
    const call = await scene.open();
    call.signal("SIGKILL");
    await scene.statusOnce(({ connections }) => connections[0]?.sessions === 1, "the end of its session");
    await answers(other, "a1");
  });

  test("where the server ignores the end of input: gone within 3 s, and the command on the server with it", async () => {
    await using scene = await startScene(form, { host: { "commands.imap": `${GREET}; exec sleep 1000` } });
    const call = await scene.open();
    call.end();
    assert.deepEqual(await call.exited(GONE_FROM_DEAF), { status: 0, signal: null });
    await scene.statusOnce(({ connections }) => connections[0]?.sessions === 0, "the end of its session");
  });

  test("of a reader that dies in the middle of a flood: gone within a second, and others live", async () => {
    await using scene = await startScene(form, {
      host: { "commands.imap": `${GREET}; exec yes '* 1 EXISTS'` },
    });
    const other = await scene.start({ collect: false });
    const call = await scene.start({ collect: false });
    await new Drain(call.stdout, GREETING.length).reached(MIB);
    const drain = new Drain(other.stdout, GREETING.length);
    await drain.reached(MIB);
    call.hangUp();
    assert.deepEqual(await call.exited(GONE), { status: 0, signal: null });
    await scene.statusOnce(({ connections }) => connections[0]?.sessions === 1, "the end of its session");
    await drain.reached(drain.bytes + MIB);
  });

  test("by LOGOUT: BYE and the tagged OK whole, nothing else, then the end", async () => {
    await using scene = await startScene(form);
    for (const stdio of ["alpine", "pipes", "socketpair"] as const) {
      const call = await scene.open({ stdio });
      call.write("a1 LOGOUT\r\n");
      const { output, stderr, status } = await call.finished();
      assert.match(output.toString(), /^\* PREAUTH [^\r\n]*\r\n\* BYE [^\r\n]*\r\na1 OK [^\r\n]*\r\n$/);
      assert.equal(stderr, "");
      assert.equal(status, 0);
    }
    assert.equal(scene.sshd.logins(), 1);
  });
});

describeForms("with a connection that is there, a client that is quicker than its greeting", (form) => {
  for (const spare of [0, 1] as const) {
    test(`and has hung up: nothing is written, spare = ${spare}`, async () => {
      await using scene = await startScene(form, { host: { spare } });
      const other = await scene.open();
      await answers(other, "a1");
      for (const _ of [1, 2, 3]) {
        if (spare === 1) await scene.statusOnce((it) => it.connections[0]?.spare === 1, "a spare mailbox");
        await using call = await scene.start();
        call.end();
        const { output, status } = await call.finished(GONE);
        assert.deepEqual([output.toString(), status], ["", 69]);
      }
      await scene.statusOnce(
        ({ connections }) => connections[0]?.sessions === 1,
        "the end of their sessions",
      );
      assert.equal(await logout(other), 0);
    });

    test(`and has given its commands: each is answered once, spare = ${spare}`, async () => {
      await using scene = await startScene(form, { host: { spare } });
      const other = await scene.open();
      for (const stdio of ["alpine", "devnull", "socketpair"] as const) {
        if (spare === 1) await scene.statusOnce((it) => it.connections[0]?.spare === 1, "a spare mailbox");
        await using call = await scene.start({ stdio });
        call.write("a1 NOOP\r\n");
        call.write("a2 NOOP\r\n");
        await call.readUntil(/^a2 OK /m);
        call.write("a3 LOGOUT\r\n");
        const { output, status } = await call.finished();
        const tags = output.toString().match(/^(\* PREAUTH|a\d OK)/gm);
        assert.deepEqual(tags, ["* PREAUTH", "a1 OK", "a2 OK", "a3 OK"]);
        assert.equal(status, 0);
      }
      assert.equal(await logout(other), 0);
    });
  }

  test("and sends the signal that Alpine has its child ignore: gone with its status", async () => {
    await using scene = await startScene(form, { host: { "commands.imap": "sleep 20; exec cat" } });
    for (const [signal, status] of [
      ["SIGINT", 130],
      ["SIGTERM", 143],
    ] as const) {
      await using call = await scene.start();
      await poll(() => callersOf(scene.home) === 1, "the call at the master");
      call.signal(signal);
      assert.deepEqual(await call.exited(GONE), { status, signal: null });
      await poll(() => callersOf(scene.home) === 0, "the end of the call at the master");
    }
  });
});
