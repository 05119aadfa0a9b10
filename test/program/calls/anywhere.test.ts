import assert from "node:assert/strict";
import { copyFileSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { forms } from "../../peers/binaries.ts";
import { startCall } from "../../peers/call.ts";
import { makeMailbox } from "../../peers/dovecot.ts";
import { makeHome, tableFor } from "../../peers/home.ts";
import { startSshd } from "../../peers/sshd.ts";

const root = fileURLToPath(new URL("../../..", import.meta.url));

describe("dist/preauth.js", () => {
  for (const name of ["preauth.js", "preauth"]) {
    test(`runs as ${name} below a package.json that is about something else`, async () => {
      using home = makeHome();
      using mailbox = makeMailbox();
      await using sshd = await startSshd();
      home.writeTable(tableFor(sshd, { "commands.imap": mailbox.command, share: true }));
      const place = home.write("package.json", '{ "type": "module" }\n').replace(/package\.json$/, name);
      copyFileSync(join(root, "dist", "preauth.js"), place);
      await using call = await startCall([process.execPath, place, "mail.test", "jane", "imap"], {
        env: home.env,
      });
      await call.readUntil(/^\* PREAUTH .*\r\n/);
      call.write("A1 SELECT INBOX\r\nA2 LOGOUT\r\n");
      await call.readUntil(/^A2 OK .*\r\n$/m);
      assert.equal((await call.finished()).status, 0);
      assert.doesNotMatch(
        home.log(),
        /the call connects by itself/,
        "the process in the background starts there as well",
      );
    });
  }
});

for (const { name, argv } of forms) {
  test(`what is built says nothing of where it was built (${name})`, () => {
    const bytes = readFileSync(argv.at(-1) ?? "");
    assert.ok(bytes.includes("not in the table"), "it is the program");
    assert.ok(!bytes.includes(root), root);
  });
}
