import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { startActivated, startBySystemd } from "../../peers/activation.ts";
import { describeForms } from "../../peers/binaries.ts";
import { imapClient } from "../../peers/imap_client.ts";
import { makeTemporary, removeTemporary } from "../../peers/temporary.ts";
import { poll } from "../../peers/waiting.ts";
import { freePort } from "../../unit/forwards/fixtures.ts";
import { GREETED, inboxScene } from "./inbox.ts";

/* The hints about units of systemd, each followed in the state that it is for. */

const TIMEOUT = { timeout: 60_000 };

/** Connects until somebody greets; the place may not be there yet. */
async function greeted(place: number | string): Promise<void> {
  using one = await poll(() => imapClient(place).catch(() => undefined), `a connection to ${place}`);
  await one.until(GREETED);
}

describeForms("hints about a unit's sockets", { concurrency: 3 }, (form) => {
  test("have the service started for the socket and not for each connection", TIMEOUT, async () => {
    await using on = await inboxScene(form);
    const place = `127.0.0.1:${on.place}`;
    const words = [...form.argv, "--forward", "mail.test", "--for", "forever"];
    {
      // systemd-socket-activate(1): --accept is Accept=yes.
      await using each = startBySystemd(words, [place], on.scene.home.env, { accept: true });
      using _one = await poll(() => imapClient(Number(on.place)).catch(() => undefined), "a connection");
      await poll(() => /hint: Accept=no/.test(each.stderr), "the hint");
    }
    await using _once = startBySystemd(words, [place], on.scene.home.env);
    await greeted(Number(on.place));
  });

  test("have ListenStream and listen name the same place", TIMEOUT, async () => {
    await using on = await inboxScene(form);
    const port = await freePort();
    const words = [...form.argv, "--forward", "mail.test", "--for", "forever"];
    const { home } = on.scene;
    await using wrong = startActivated(words, [`127.0.0.1:${port}`], home.env);
    assert.equal(await wrong.ended(), 78);
    assert.match(wrong.stderr, /hint: ListenStream of the unit and listen of the \[\[forward\]\]/);
    home.writeTable(readFileSync(home.tableFile, "utf8").replace(`listen = ${on.place}`, `listen = ${port}`));
    await using _right = startActivated(words, [`127.0.0.1:${port}`], home.env);
    await greeted(port);
  });

  test("have a mode that others cannot connect with", TIMEOUT, async () => {
    const folder = makeTemporary();
    const place = join(folder, "inbox");
    await using on = await inboxScene(form, { listen: place });
    const words = [...form.argv, "--forward", "mail.test", "--for", "forever"];
    await using open = startActivated(words, [place], on.scene.home.env, "0666");
    assert.equal(await open.ended(), 78);
    const [, mode = ""] = /hint: SocketMode=(\d+) in the unit/.exec(open.stderr) ?? [];
    removeTemporary(place);
    await using _closed = startActivated(words, [place], on.scene.home.env, mode);
    await greeted(place);
    removeTemporary(folder);
  });
});
