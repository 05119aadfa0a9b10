import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { startCall } from "../../peers/call.ts";
import { makeMailbox } from "../../peers/dovecot.ts";
import { makeHome, tableFor } from "../../peers/home.ts";
import { makeKey } from "../../peers/keys.ts";
import { startSshd } from "../../peers/sshd.ts";

const path = (name: string) => fileURLToPath(new URL(name, import.meta.url));
const argv = [
  process.execPath,
  "--require",
  path("../../peers/other_system.cjs"),
  path("../../../dist/preauth.js"),
];

for (const system of ["darwin", "openbsd"]) {
  describe(`dist/preauth.js on ${system}, simulated`, () => {
    for (const stdio of ["alpine", "pipes"] as const) {
      test(`opens mailboxes over one connection, and ends well (${system}, stdio of ${stdio})`, async () => {
        using home = makeHome();
        using mailbox = makeMailbox();
        await using sshd = await startSshd();
        home.writeTable(tableFor(sshd, { "commands.imap": mailbox.command, share: true }));
        const { XDG_RUNTIME_DIR = "", ...rest } = home.env;
        const env = { ...rest, TMPDIR: XDG_RUNTIME_DIR, OTHER_SYSTEM: system };
        for (const _time of [1, 2]) {
          await using call = await startCall([...argv, "mail.test", "jane", "imap"], { env, stdio });
          await call.readUntil(/^\* PREAUTH .*\r\n/);
          call.write("A1 SELECT INBOX\r\nA2 LOGOUT\r\n");
          await call.readUntil(/^A2 OK .*\r\n$/m);
          const { status, stderr } = await call.finished();
          assert.deepEqual([status, stderr], [0, ""], home.log());
        }
        // The machine's name, which is another one for each of these processes, is in no path on macOS.
        assert.equal(sshd.logins(), system === "darwin" ? 1 : 2);
      });
    }

    test(`refuses an unknown server silently, and says so where errors have a pipe of their own (${system})`, async () => {
      using home = makeHome();
      home.writeTable("");
      const env = { ...home.env, OTHER_SYSTEM: system };
      for (const [stdio, said] of [
        ["alpine", ""],
        ["pipes", "unknown.test"],
      ] as const) {
        await using call = await startCall([...argv, "unknown.test", "jane", "imap"], { env, stdio });
        const { status, output, stderr } = await call.finished();
        assert.deepEqual([status, output.length, stderr.includes(said)], [1, 0, true], stderr);
        assert.equal(stderr === "", said === "");
      }
    });
  });
}

test("dist/preauth.js on darwin, simulated: an encrypted key's hint has the passphrase kept in the keychain", async () => {
  using home = makeHome();
  const key = makeKey(`${home.path}/key`, "ed25519", "secret");
  await using sshd = await startSshd();
  home.writeTable(tableFor(sshd, { identity: key.path, "commands.imap": "true" }));
  const env = { ...home.env, OTHER_SYSTEM: "darwin" };
  await using call = await startCall([...argv, "mail.test", "jane", "imap"], { env });
  call.write("A1 NOOP\r\n");
  assert.equal((await call.finished()).status, 77);
  assert.match(home.log(), /hint: add the key to an agent: ssh-add --apple-use-keychain \S+key$/m);
});
