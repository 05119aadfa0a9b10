import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import type { Status } from "../../../src/control/protocol.ts";
import { describeForms } from "../../peers/binaries.ts";
import { descendantsOf, gone, signal } from "../../peers/processes.ts";
import { poll } from "../../peers/waiting.ts";
import { preloaded } from "./preloaded.ts";
import { answers, backgroundOf, kill, logout, PREAUTH, type Scene, startScene } from "./shared_home.ts";

/** The contract's time to a greeting, in milliseconds. */
const DEADLINE = 10_000;

/** Waits until a spare mailbox is there and so many others. */
async function ready(scene: Scene, sessions: number): Promise<void> {
  await scene.statusOnce(
    ({ connections }) =>
      connections.reduce((sum, { spare }) => sum + spare, 0) === 1 &&
      connections.reduce((sum, one) => sum + one.sessions, 0) === sessions,
    `a spare mailbox and ${sessions} others`,
  );
}

/** Opens a mailbox and closes it, and waits for the spare: its imapd is the only one then. */
async function onlySpare(scene: Scene, env: Readonly<Record<string, string>> = {}): Promise<number> {
  const call = await scene.open({ env });
  assert.equal(await logout(call), 0);
  await ready(scene, 0);
  const [pid, ...others] = await poll(
    () => (scene.imapds().length === 1 ? scene.imapds() : undefined),
    "one imapd",
    () => scene.imapds().join(" "),
  );
  assert.deepEqual(others, []);
  return pid ?? 0;
}

describeForms("a spare mailbox", { concurrency: 4 }, (form) => {
  test("is not made unless the table says so", async () => {
    await using scene = await startScene(form);
    assert.equal(await logout(await scene.open()), 0);
    assert.equal((await scene.status())?.connections[0]?.spare, 0);
    assert.equal(scene.sshd.log().match(/Starting session/g)?.length, 1);
  });

  test("greets the next client though the server does nothing, and the one after it gets another", async () => {
    await using scene = await startScene(form, { host: { spare: 1 } });
    const first = await scene.open();
    for (let round = 0; round < 3; round++) {
      await ready(scene, round + 1);
      scene.sshd.freeze();
      const call = await scene.open();
      scene.sshd.thaw();
      await answers(call, "a1");
      assert.match(call.output.toString(), /^\* PREAUTH [^\r\n]*\r\na1 OK [^\r\n]*\r\n$/);
    }
    await answers(first, "a1");
    assert.equal(scene.sshd.logins(), 1);
  });

  test("is gone when the table has changed and leads elsewhere, and its connection after the last mailbox", async () => {
    await using scene = await startScene(form, { host: { spare: 1, persist: "forever" } });
    const held = await scene.open();
    await ready(scene, 1);
    const table = readFileSync(scene.home.tableFile, "utf8");
    scene.home.writeTable(table.replace("[[host]]", "[[host]]\ncompression = true"));
    assert.equal(await logout(await scene.open()), 0);
    const shown = ({ connections }: Status) =>
      connections.map(({ sessions, spare }) => `${sessions} ${spare}`);
    await scene.statusOnce((status) => shown(status).join() === "1 0,0 1", "the mailbox, and the new spare");
    await answers(held, "a1");
    assert.equal(await logout(held), 0);
    await scene.statusOnce((status) => shown(status).join() === "0 1", "the new connection alone");
    assert.equal(scene.sshd.logins(), 2);
    // The time that the table gave before does not count either.
    scene.home.writeTable(table.replace(/^spare.*$/m, "spare = 0").replace("forever", "0"));
    const pid = await scene.master();
    assert.equal(await logout(await scene.open()), 0);
    await gone(pid);
  });

  test("whose imapd has ended is not handed out, and is replaced", async () => {
    await using scene = await startScene(form, { host: { spare: 1 } });
    for (let round = 0; round < 3; round++) {
      await kill(await onlySpare(scene));
      const call = await scene.open();
      await answers(call, "a1");
      assert.match(call.output.toString(), /^\* PREAUTH [^\r\n]*\r\na1 OK [^\r\n]*\r\n$/);
      assert.equal(await logout(call), 0);
    }
    await ready(scene, 0);
    assert.equal(scene.sshd.logins(), 1);
  });

  test("that ends while it is handed out: another one answers, and nobody notices", async () => {
    await using scene = await startScene(form, { host: { spare: 1 } });
    const pid = await onlySpare(scene);
    // The news of its end cannot come.
    scene.sshd.freeze();
    await kill(pid);
    const call = await scene.open();
    call.write("a1 NOOP\r\na2 SELECT INBOX\r\n");
    scene.sshd.thaw();
    await call.readUntil(/^a2 OK .*\r\n/m, DEADLINE);
    assert.match(call.output.toString(), /^\* PREAUTH [^\r\n]*\r\na1 OK [^\r\n]*\r\n\* /);
    assert.equal(call.output.toString().match(/PREAUTH/g)?.length, 1);
    assert.equal(await logout(call), 0);
  });

  test("that ends before its client says anything: the same", async () => {
    await using scene = await startScene(form, { host: { spare: 1 } });
    const pid = await onlySpare(scene);
    scene.sshd.freeze();
    await kill(pid);
    const call = await scene.open();
    scene.sshd.thaw();
    await scene.statusOnce(({ connections }) => connections[0]?.sessions === 1, "another session");
    await answers(call, "a1");
    assert.match(call.output.toString(), /^\* PREAUTH [^\r\n]*\r\na1 OK [^\r\n]*\r\n$/);
    assert.equal(await logout(call), 0);
  });

  test("on a connection that is dead: its client is answered over another one", async () => {
    await using scene = await startScene(form, { host: { spare: 1 } });
    await onlySpare(scene);
    for (const pid of scene.sshd.sessions().flatMap((one) => [one, ...descendantsOf(one)]))
      signal(pid, "SIGSTOP");
    const call = await scene.open();
    call.write("a1 NOOP\r\n");
    await call.readUntil(/^a1 OK .*\r\n/m, DEADLINE);
    assert.match(call.output.toString(), /^\* PREAUTH [^\r\n]*\r\na1 OK [^\r\n]*\r\n$/);
    assert.equal(scene.sshd.logins(), 2);
  });

  test("that has answered and then ends is an end like any other", async () => {
    await using scene = await startScene(form, { host: { spare: 1 } });
    const pid = await onlySpare(scene);
    const call = await scene.open();
    await answers(call, "a1");
    await kill(pid);
    const { status, output } = await call.finished();
    assert.equal(status, 137);
    assert.match(output.toString(), /^\* PREAUTH [^\r\n]*\r\na1 OK [^\r\n]*\r\n$/);
  });

  test("and a client that goes at once, or says LOGOUT at once", async () => {
    await using scene = await startScene(form, { host: { spare: 1 } });
    await onlySpare(scene);
    const first = await scene.open();
    first.end();
    assert.deepEqual(await first.exited(3000), { status: 0, signal: null });
    await ready(scene, 0);
    const second = await scene.start();
    second.write("z LOGOUT\r\n");
    second.end();
    const { output, status } = await second.finished();
    assert.match(output.toString(), /^\* PREAUTH [^\r\n]*\r\n\* BYE [^\r\n]*\r\nz OK [^\r\n]*\r\n$/);
    assert.equal(status, 0);
    await ready(scene, 0);
    assert.equal(scene.imapds().length, 1);
  });

  test("counts against the server's limit of sessions", async () => {
    await using scene = await startScene(form, {
      host: { spare: 1 },
      sshd: { config: ["MaxSessions 2", "MaxStartups 100"] },
    });
    const calls = [await scene.open()];
    await ready(scene, 1);
    assert.equal(scene.sshd.logins(), 1);
    calls.push(await scene.open());
    await ready(scene, 2);
    assert.equal(scene.sshd.logins(), 2);
    calls.push(await scene.open());
    await ready(scene, 3);
    assert.equal(scene.sshd.logins(), 2);
    for (const call of calls) await answers(call, "a1");
  });

  test("ends with the connection, and does not keep it up", async () => {
    await using scene = await startScene(form, { host: { spare: 1, persist: "4s" } });
    await onlySpare(scene);
    await poll(
      () => backgroundOf(scene.home).length === 0 && scene.imapds().length === 0,
      "the end of all processes",
      () => scene.home.log(),
    );
    await scene.sshd.idle();
  });

  for (const isDead of [true, false]) {
    const title = isDead
      ? "is not, where that is dead: it greets over another one"
      : "is in time, where that lives";
    test(`after a sleep of the machine a call that would rely on the old connection ${title}`, async () => {
      await using scene = await startScene(form, { host: { spare: 1, persist: "3h" } });
      const jump = "const now = Date.now; Date.now = () => now() + 3600_000;";
      await onlySpare(scene, preloaded(scene.home, jump));
      if (isDead) {
        for (const pid of scene.sshd.sessions().flatMap((one) => [one, ...descendantsOf(one)])) {
          signal(pid, "SIGSTOP");
        }
      }
      signal(await scene.master(), "SIGUSR2");
      const call = await scene.start();
      await call.readUntil(PREAUTH, DEADLINE);
      assert.equal(scene.sshd.logins(), isDead ? 2 : 1);
      await answers(call, "a1");
    });
  }
});
