import assert from "node:assert/strict";
import { test } from "node:test";
import { describeForms } from "../../peers/binaries.ts";
import { poll } from "../../peers/waiting.ts";
import {
  answers,
  callersOf,
  kill,
  logout,
  mastersOf,
  PREAUTH,
  type Scene,
  startScene,
} from "./shared_home.ts";

const TIMEOUT = { timeout: 120_000 };

/** Bursts of one test. */
const ROUNDS = Number(process.env.PREAUTH_BURSTS ?? 2);

const STARTS = 20;

/** As many sessions and unfinished logins as anybody may ask for. */
const WIDE = ["MaxSessions 100", "MaxStartups 100"];

/** Starts twenty calls at once; all must be greeted, and the server must have seen one login more. */
async function burst(scene: Scene): Promise<void> {
  const before = scene.sshd.logins();
  const calls = await Promise.all(Array.from({ length: STARTS }, () => scene.start()));
  await Promise.all(calls.map((call) => call.readUntil(PREAUTH, 60_000)));
  assert.equal(scene.sshd.logins() - before, 1, scene.home.log());
  assert.equal(mastersOf(scene.home).length, 1, scene.home.log());
  const [call] = calls;
  if (call !== undefined) await answers(call, "a1");
  const pids = calls.map(({ pid }) => pid);
  for (const one of calls) one.hangUp();
  const ended = await Promise.all(calls.map((one) => one.exited(5000)));
  assert.deepEqual(
    ended.map(({ status }) => status),
    pids.map(() => 0),
  );
}

describeForms("twenty cold starts at once", (form) => {
  test("from nothing: twenty are greeted, and the server sees one login", TIMEOUT, async () => {
    for (let round = 0; round < ROUNDS; round++) {
      await using scene = await startScene(form, { sshd: { config: WIDE } });
      await burst(scene);
    }
  });

  test("from the socket of a master that was killed: the same", TIMEOUT, async () => {
    await using scene = await startScene(form, { sshd: { config: WIDE } });
    await scene.open();
    for (let round = 0; round < ROUNDS; round++) {
      await kill(await scene.master());
      await burst(scene);
    }
  });
});

describeForms("a login that a master makes on a server that it knows", (form) => {
  test("hangs up the command of a call that has gone meanwhile, and serves those that wait", async () => {
    const host = { persist: "0", "commands.smtp": "echo 220 here; exec cat" };
    await using scene = await startScene(form, { proxy: true, host });
    assert.equal(await logout(await scene.open()), 0);
    await scene.sshd.idle();
    await poll(() => mastersOf(scene.home).length === 0, "the end of the master");
    scene.proxy.freeze();
    const gone = await scene.start();
    await poll(() => callersOf(scene.home) === 1, "a call that has a login made");
    const other = await scene.start({ method: "smtp" });
    await poll(() => callersOf(scene.home) === 2, "a call that waits for it");
    gone.signal("SIGKILL");
    await poll(() => callersOf(scene.home) === 1, "the end of the first call");
    scene.proxy.thaw();
    await other.readUntil(/^220 here\n/);
    other.write("hello\n");
    await other.readUntil(/hello/);
    await poll(() => scene.imapds().length === 0, "the end of its imapd");
    const status = await scene.status();
    assert.deepEqual(
      status?.connections.map(({ sessions }) => sessions),
      [1],
    );
    assert.equal(scene.sshd.logins(), 2);
  });
});
