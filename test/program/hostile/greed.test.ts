import assert from "node:assert/strict";
import { once } from "node:events";
import { test } from "node:test";
import { describeForms, type Form } from "../../peers/binaries.ts";
import { type Call, startCall } from "../../peers/call.ts";
import { type Home, hostTable, makeHome } from "../../peers/home.ts";
import { processesMarked, wordsOf } from "../../peers/processes.ts";
import { poll, within } from "../../peers/waiting.ts";
import { MIB, peakMemory, standingStill } from "../stream/stream.ts";
import { GREEDY, type Greed, HONEST } from "./greed.ts";
import { type Servant, startServant } from "./servant.ts";

/** What a hostile server may cost over an honest one, in MiB; the collectors let some more gather while much flows. */
const MOST = 64;

/** Milliseconds for which the other connections may be held up. */
const HELD_UP = 300;

const LIMIT = { timeout: 60_000 };

function host(match: string, servant: Servant, keys: Readonly<Record<string, boolean>>): string {
  const { port, user, identity, knownHosts } = servant;
  return hostTable({
    ...{ match, server: "127.0.0.1", port, user, identity, known_hosts: knownHosts },
    ...{ ssh_config: "none", deadline: "8s", "commands.imap": "imapd", ...keys },
  });
}

function calling(form: Form, home: Home, server: string): Promise<Call> {
  return startCall([...form.argv, server, "jane", "imap"], {
    env: home.env,
    stdio: "alpine",
    collect: false,
  });
}

/** Says something and waits for the echo, so many times; gives the longest time in ms. */
async function worstEcho(call: Call, times: number, tag: string): Promise<number> {
  let worst = 0;
  for (let count = 0; count < times; count++) {
    const began = performance.now();
    call.write(`${tag}${count} NOOP\r\n`);
    await call.readUntil(new RegExp(`${tag}${count} NOOP`), 15_000);
    worst = Math.max(worst, performance.now() - began);
  }
  return worst;
}

/** Writes until nothing more is taken, and gives how many bytes were. */
async function feed(call: Call): Promise<number> {
  const piece = Buffer.alloc(MIB / 4, "x");
  let taken = 0;
  const more = (): void => {
    while (taken < 400 * MIB && call.stdin.write(piece)) taken += piece.length;
  };
  call.stdin.on("error", () => {});
  call.stdin.on("drain", more);
  more();
  await standingStill(() => taken);
  return taken;
}

function masterOf(home: Home): number | undefined {
  return processesMarked(`HOME=${home.path}`).find((pid) => wordsOf(pid).includes("--master"));
}

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

/** In MiB; 0 for a call that was cut off, and has ended by now. */
function peakOf(pid: number): number {
  try {
    return peakMemory(pid);
  } catch {
    return 0;
  }
}

async function sufferAlone(form: Form, greed: Greed): Promise<void> {
  using home = makeHome();
  await using bad = await startServant(greed.mischief);
  home.writeTable(host("bad", bad, { share: false, ...greed.host }));
  await using call = await calling(form, home, "bad");
  await once(call.stdout, "readable");
  const before = peakOf(call.pid);
  const cut = Promise.all(
    bad.sockets.map((socket) => socket.destroyed || new Promise((resolve) => socket.once("close", resolve))),
  );
  await suffer(call, home, { ...greed, reason: undefined });
  if (greed.reason !== undefined) await within(cut, "the end of the connection");
  assert.ok(peakOf(call.pid) - before < MOST, `${peakOf(call.pid)} MiB after ${before}`);
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
    test(`${what} costs the master little, and nobody else anything`, LIMIT, async () => {
      const times: number[] = [];
      // This machine has other things to do as well: what holds somebody up does so each time.
      do times.push(await sufferTogether(form, greed));
      while (times.length < 3 && Math.min(...times) > HELD_UP);
      assert.ok(Math.min(...times) <= HELD_UP, String(times));
    });
  }
});
