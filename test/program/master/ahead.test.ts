import assert from "node:assert/strict";
import { test } from "node:test";
import { describeForms } from "../../peers/binaries.ts";
import { startCall } from "../../peers/call.ts";
import { makeMailbox } from "../../peers/dovecot.ts";
import { skipWithoutDropbear, startDropbear } from "../../peers/dropbear.ts";
import { makeHome, tableFor } from "../../peers/home.ts";
import { poll } from "../../peers/waiting.ts";
import { answers, logout, PREAUTH, startScene } from "./shared_home.ts";

/** Sessions that a server has opened, and commands that it has been asked to start. */
interface Counts {
  readonly sessions: number;
  readonly commands: number;
}

function countsOf(log: string): Counts {
  return {
    sessions: log.match(/server_input_channel_open: confirm session/g)?.length ?? 0,
    commands: log.match(/server_input_channel_req: channel \d+ request exec/g)?.length ?? 0,
  };
}

describeForms("a session that is opened ahead of the next mailbox", (form) => {
  test("is there from the second mailbox on, so that a command is all that the next one asks for", async () => {
    await using scene = await startScene(form, { sshd: { config: ["LogLevel DEBUG1"] } });
    const counts = () => countsOf(scene.sshd.log());
    const first = await scene.open();
    await answers(first, "a1");
    assert.deepEqual(counts(), { sessions: 1, commands: 1 });
    const second = await scene.open();
    await answers(second, "a1");
    for (const turn of [3, 4, 5]) {
      await poll(
        () => counts().sessions === turn,
        "a session ahead",
        () => scene.sshd.log(),
      );
      assert.equal(counts().commands, turn - 1);
      const next = await scene.open();
      assert.equal(counts().commands, turn);
      assert.equal(await logout(next), 0);
    }
    assert.equal(scene.sshd.logins(), 1);
    assert.deepEqual(
      (await scene.status())?.connections.map(({ sessions }) => sessions),
      [2],
    );
  });

  test("takes no room from a mailbox", async () => {
    await using scene = await startScene(form, { sshd: { config: ["MaxSessions 3", "LogLevel DEBUG1"] } });
    const counts = () => countsOf(scene.sshd.log());
    const calls = [await scene.open(), await scene.open()];
    await poll(
      () => counts().sessions === 3,
      "a session ahead",
      () => scene.sshd.log(),
    );
    calls.push(await scene.open());
    for (const call of calls) await answers(call, "a1");
    assert.equal(scene.sshd.logins(), 1);
    assert.deepEqual(counts(), { sessions: 3, commands: 3 });
    // The fourth has a connection of its own.
    await answers(await scene.open(), "a1");
    assert.equal(scene.sshd.logins(), 2);
  });

  test("is borne by dropbear", { skip: skipWithoutDropbear() }, async () => {
    await using dropbear = await startDropbear();
    using home = makeHome();
    using mailbox = makeMailbox();
    home.writeTable(tableFor(dropbear, { "commands.imap": mailbox.command, share: true }));
    for (let turn = 0; turn < 4; turn++) {
      await using call = await startCall([...form.argv, "mail.test", "jane", "imap"], { env: home.env });
      await call.readUntil(PREAUTH);
      assert.equal(await logout(call), 0);
    }
  });
});
