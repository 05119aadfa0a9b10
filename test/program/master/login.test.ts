import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { describeForms } from "../../peers/binaries.ts";
import { tableFor } from "../../peers/home.ts";
import { makeKey } from "../../peers/keys.ts";
import { openWatched } from "../terminal/watched.ts";
import { startScene } from "./shared_home.ts";

const PASSWORD = "swordfish";

describeForms("--login with a master", { concurrency: 4 }, (form) => {
  const login = [...form.argv, "--login", "mail.test"];

  test("leaves its connection there: mailboxes open over it though their key is locked", async () => {
    await using scene = await startScene(form);
    const { home, sshd } = scene;
    const key = makeKey(join(home.path, "locked"), "ed25519", PASSWORD);
    writeFileSync(join(dirname(sshd.identity), "authorized_keys"), `${key.line}\n`);
    home.writeTable(
      tableFor(sshd, {
        identity: key.path,
        share: true,
        "commands.imap": "printf '* PREAUTH ready\\r\\n'; exec cat",
      }),
    );
    await using terminal = await openWatched(login, home);
    await terminal.waitFor(/passphrase/, "the question");
    terminal.type(`${PASSWORD}\n`);
    assert.equal(await terminal.ended(), 0, terminal.screen());
    assert.doesNotMatch(terminal.screen(), /swordfish|preauth:/);
    const { connections } = await scene.statusOnce((status) => status.connections.length === 1, "one");
    assert.equal(connections[0]?.sessions, 0);
    const call = await scene.open();
    call.write("hello\r\n");
    await call.readUntil(/hello/);
    await using again = await openWatched(login, home);
    assert.equal(await again.ended(), 0);
    assert.match(again.screen(), /mail\.test: logged in already/);
    assert.equal(sshd.logins(), 1);
  });
});
