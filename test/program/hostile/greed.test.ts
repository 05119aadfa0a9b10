import assert from "node:assert/strict";
import { once } from "node:events";
import { test } from "node:test";
import { describeForms, type Form } from "../../peers/binaries.ts";
import { type Call, startCall } from "../../peers/call.ts";
import { type Home, makeHome } from "../../peers/home.ts";
import { poll, within } from "../../peers/waiting.ts";
import { MIB, peakMemory } from "../stream/stream.ts";
import { GREEDY, type Greed, HONEST } from "./greed.ts";
import { calling, feed, holdsNobodyUp, host, LIMIT, MOST, masterOf, worstEcho } from "./greed_scene.ts";
import { watchMemory } from "./memory.ts";
import { startServant } from "./servant.ts";

/** Lets it have its way until it is cut off, or nothing more is taken from its client. */
async function suffer(call: Call, home: Home, { isFed, reason }: Greed): Promise<void> {
  call.stdout.once("data", () => call.stdout.pause());
  call.write("A1 SELECT INBOX\r\n");
  if (isFed) {
    const taken = await feed(call);
    assert.ok(taken < MOST * MIB, `${taken} bytes were taken`);
  }
  if (reason !== undefined) {
    await poll(
      () => reason.test(home.log()),
      "the reason in the log",
      () => home.log(),
      20_000,
    );
  }
}

async function sufferAlone(form: Form, greed: Greed): Promise<void> {
  using home = makeHome();
  await using bad = await startServant(greed.mischief);
  home.writeTable(host("bad", bad, { share: false, ...greed.host }));
  await using call = await calling(form, home, "bad");
  await once(call.stdout, "readable");
  const before = peakMemory(call.pid);
  const suffered = new AbortController();
  const ended = once(suffered.signal, "abort");
  // Looked at again and again, since it may have ended when the test looks.
  const watching = watchMemory(call.pid, ended);
  const cut = Promise.all(
    bad.sockets.map((socket) => socket.destroyed || new Promise((resolve) => socket.once("close", resolve))),
  );
  await suffer(call, home, { ...greed, reason: undefined });
  if (greed.reason !== undefined) await within(cut, "the end of the connection");
  suffered.abort();
  const peak = await watching;
  assert.ok(peak >= before && peak - before < MOST, `${peak} MiB after ${before}`);
  // It is told when its client reads on.
  call.stdout.resume();
  if (greed.reason !== undefined)
    await poll(
      () => greed.reason?.test(home.log()),
      "the reason",
      () => home.log(),
    );
  call.hangUp();
}

/**
 * The same over the background process, while somebody else has a mailbox on another server. Gives for how long that one was
 * held up, in ms.
 */
async function sufferTogether(form: Form, greed: Greed): Promise<number> {
  using home = makeHome();
  await using good = await startServant(HONEST);
  await using bad = await startServant(greed.mischief);
  home.writeTable(
    `${host("good", good, { share: true })}\n${host("bad", bad, { share: true, ...greed.host })}`,
  );
  await using mine = await startCall([...form.argv, "good", "jane", "imap"], {
    env: home.env,
    stdio: "alpine",
  });
  await mine.readUntil(/PREAUTH/);
  const calm = await worstEcho(mine, 10, "A");
  const master = masterOf(home);
  assert.ok(master);
  const before = peakMemory(master);
  await using call = await calling(form, home, "bad");
  const suffering = suffer(call, home, greed);
  const held = await worstEcho(mine, 20, "B");
  await suffering;
  const most = Math.max(held, await worstEcho(mine, 5, "C"));
  assert.ok(peakMemory(master) - before < MOST, `${peakMemory(master)} MiB after ${before}`);
  return most - calm;
}

describeForms("a greedy server that", (form) => {
  for (const [what, greed] of Object.entries(GREEDY)) {
    if (greed.isGreedyAlone) test(`${what} costs a call little`, LIMIT, () => sufferAlone(form, greed));
    test(`${what} costs the master little, and nobody else anything`, LIMIT, () =>
      holdsNobodyUp(() => sufferTogether(form, greed)),
    );
  }
});
