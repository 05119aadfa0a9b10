import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { describe, mock, test } from "node:test";
import { connect } from "../../../../src/ssh/connect.ts";
import { skipWithoutDropbear, startDropbear } from "../../../peers/dropbear.ts";
import { recentSshd, skipWithoutRecentSshd } from "../../../peers/recent_sshd.ts";
import { startSshd } from "../../../peers/sshd.ts";
import { poll } from "../../../peers/waiting.ts";
import { newStory, targetFor } from "../fixtures.ts";
import { GOOD, Memory, run, type Server, twice } from "./early.ts";
import { startEarlyServer } from "./early_server.ts";

const require = createRequire(import.meta.url);
const Protocol = require("ssh2/lib/protocol/Protocol.js");

const servers: readonly (readonly [string, string | false, () => Promise<Server & AsyncDisposable>])[] = [
  ["the system's sshd", false, () => startSshd()],
  ["an sshd of OpenSSH 10", skipWithoutRecentSshd(), () => startSshd({ program: recentSshd() })],
  ["dropbear", skipWithoutDropbear(), () => startDropbear()],
];

describe("a server whose first channel is not the one that the command went to", () => {
  for (const [title, skip, start] of servers) {
    test(`is called again plainly, once: ${title}`, { skip }, async () => {
      await using server = await start();
      const history = new Memory();
      await run(server, {}, history);
      // The first one of a connection is the one that leaves early.
      const own = Protocol.prototype.exec;
      let seen = 0;
      const astray = mock.method(Protocol.prototype, "exec", function (this: unknown, ...words: unknown[]) {
        return own.apply(this, seen++ === 0 ? [7, ...words.slice(1)] : words);
      });
      history.take();
      const result = await run(server, {}, history);
      astray.mock.restore();
      assert.deepEqual([result.what, result.connections], [GOOD, 2]);
      assert.deepEqual(history.take(), ["forget", "avoid"]);
    });
  }

  test("is called again plainly where it hangs up, once", async () => {
    await using server = await startEarlyServer({ firstChannel: 3, isStrict: true });
    const { early, history } = await twice(server);
    assert.deepEqual([early.what, early.connections], [GOOD, 2]);
    assert.deepEqual(history.take(), ["forget", "avoid"]);
  });

  test("is sent the command again where it does not mind", async () => {
    await using server = await startEarlyServer({ firstChannel: 3 });
    const { early, history } = await twice(server);
    assert.deepEqual(early, { what: GOOD, rounds: 4, connections: 1 });
    assert.deepEqual(history.take(), []);
  });
});

test("a server that hangs up on a proof without a question is called again plainly, once", async () => {
  await using server = await startEarlyServer({ wantsQuestions: true });
  const { early, history } = await twice(server);
  assert.deepEqual([early.what, early.connections], [GOOD, 2]);
  assert.deepEqual(history.take(), ["forget", "avoid"]);
});

test("of an early login nothing leaves when the host key is unknown or has changed", async () => {
  await using server = await startEarlyServer();
  await using other = await startEarlyServer();
  const { history } = await twice(server);
  for (const knownHosts of [[], [other.knownHosts]]) {
    const { known } = history;
    const before = server.packets.length;
    const { what, connections } = await run(server, { knownHosts }, history);
    assert.match(what, /host key/);
    assert.equal(connections, 1);
    await poll(
      () => server.open === 0,
      "the end of the connection",
      () => "",
    );
    assert.equal(server.packets.length, before);
    assert.deepEqual([history.known, history.take()], [known, []]);
  }
});

test("what is sent in one flight is what would be sent one after the other, without the question", async () => {
  await using server = await startEarlyServer();
  const history = new Memory();
  await run(server, {}, history);
  const plain = server.packets.splice(0);
  await run(server, {}, history);
  assert.deepEqual(plain.slice(0, 5), [
    ...["SERVICE_REQUEST", "USERAUTH_REQUEST", "USERAUTH_REQUEST", "CHANNEL_OPEN", "CHANNEL_REQUEST"],
  ]);
  assert.deepEqual(server.packets, plain.slice(1).with(0, "SERVICE_REQUEST"));
});

test("whoever gives up while the command is not answered gets the reason, and the connection ends", async () => {
  await using server = await startEarlyServer({ isSlow: true });
  const history = new Memory();
  const giveUp = async () => {
    const controller = new AbortController();
    const { progress } = newStory();
    const options = {
      signal: controller.signal,
      progress,
      note: () => {},
      env: process.env,
      purpose: "mail" as const,
    };
    const early = { history, command: "x" };
    const target = targetFor(server);
    const ended = connect(target, { ...options, early }).then(async (connection) => {
      const answer = connection.exec("x", { signal: controller.signal });
      progress.begin("command", "starting the remote command on mail.test");
      await answer.finally(() => connection.end());
    });
    const seen = server.packets.length;
    const isAsked = () => server.packets.slice(seen).includes("CHANNEL_REQUEST");
    await poll(isAsked, "the command", () => server.packets.join(" "));
    await poll(
      () => progress.step === "command",
      "the answer to the login",
      () => progress.doing,
    );
    controller.abort(new Error("enough"));
    await assert.rejects(ended, /enough/);
    assert.equal(progress.doing, "starting the remote command on mail.test");
    await poll(
      () => server.open === 0,
      "the end of the connection",
      () => "",
    );
  };
  await giveUp();
  assert.deepEqual(history.take(), ["remember"]);
  await giveUp();
  assert.deepEqual(history.take(), []);
});
