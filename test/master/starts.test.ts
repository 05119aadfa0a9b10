import assert from "node:assert/strict";
import { test } from "node:test";
import { describeForms } from "../peers/binaries.ts";
import { answers, kill, mastersOf, PREAUTH, type Scene, startScene } from "./scene.ts";

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
