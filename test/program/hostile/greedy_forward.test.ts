import assert from "node:assert/strict";
import { connect } from "node:net";
import { test } from "node:test";
import { describeForms, type Form } from "../../peers/binaries.ts";
import { startCall } from "../../peers/call.ts";
import { makeHome } from "../../peers/home.ts";
import { refusingPort } from "../../peers/tcp.ts";
import { poll } from "../../peers/waiting.ts";
import { peakMemory } from "../stream/stream.ts";
import { GREEDY_FORWARDS, type Greed, HONEST } from "./greed.ts";
import { feed, holdsNobodyUp, host, LIMIT, MOST, masterOf, worstEcho } from "./greed_scene.ts";
import { startServant } from "./servant.ts";

/**
 * Two mailboxes on two servers, and a connection to a forward that the bad one carries, whose client reads nothing. Gives for
 * how long the good one was held up, in ms.
 */
async function suffer(form: Form, { mischief, reason, isFed }: Greed): Promise<number> {
  using home = makeHome();
  await using good = await startServant(HONEST);
  await using bad = await startServant(mischief);
  const port = await refusingPort();
  const forward = `[[forward]]\nname = "smtp"\nlisten = ${port}\nto = "x:25"\nvia = "bad"\n`;
  const tables = [host("good", good, { share: true }), host("bad", bad, { share: true }), forward];
  home.writeTable(tables.join("\n"));
  const call = (server: string) =>
    startCall([...form.argv, server, "jane", "imap"], { env: home.env, stdio: "alpine" });
  await using mine = await call("good");
  await mine.readUntil(/PREAUTH/);
  await using other = await call("bad");
  await other.readUntil(/PREAUTH/);
  await poll(
    () => /forward "smtp": carries /.test(home.log()),
    "the forward",
    () => home.log(),
  );
  const calm = await worstEcho(mine, 10, "A");
  const master = masterOf(home);
  assert.ok(master);
  const before = peakMemory(master);
  const client = connect(port, "127.0.0.1");
  client.on("error", () => {});
  client.pause();
  const fed = isFed ? feed({ stdin: client }) : Promise.resolve(0);
  const held = await worstEcho(mine, 20, "B");
  const taken = await fed;
  assert.ok(taken < MOST * 1024 * 1024, `${taken} bytes were taken`);
  if (reason !== undefined)
    await poll(
      () => reason.test(home.log()),
      "the reason in the log",
      () => home.log(),
    );
  const most = Math.max(held, await worstEcho(mine, 5, "C"));
  assert.ok(peakMemory(master) - before < MOST, `${peakMemory(master)} MiB after ${before}`);
  client.destroy();
  return most - calm;
}

describeForms("a greedy server of a forward that", (form) => {
  for (const [what, greed] of Object.entries(GREEDY_FORWARDS)) {
    test(`${what} costs the master little, and nobody else anything`, LIMIT, () =>
      holdsNobodyUp(() => suffer(form, greed)),
    );
  }
});
