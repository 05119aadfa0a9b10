import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { type Call, runCall, startCall } from "../../peers/call.ts";
import { makeMailbox } from "../../peers/dovecot.ts";
import { makeHome, tableFor } from "../../peers/home.ts";
import { nodeBinaries, skipWithoutNodes } from "../../peers/nodes.ts";
import { startSshd } from "../../peers/sshd.ts";

const preauth = fileURLToPath(new URL("../../../dist/preauth.js", import.meta.url));
const OPTIONS = { timeout: 60_000, skip: skipWithoutNodes() };

async function readMessage(call: Call): Promise<void> {
  await call.readUntil(/^\* PREAUTH .*\r\n/);
  call.write("A1 SELECT INBOX\r\nA2 FETCH 1 BODY[TEXT]\r\nA3 LOGOUT\r\n");
  await call.readUntil(/^This message came through an SSH connection\.\r\n/m);
  await call.readUntil(/^A3 OK .*\r\n$/m);
}

describe("dist/preauth.js", () => {
  for (const { version, path } of nodeBinaries()) {
    test(`opens a mailbox and refuses what is to be refused on Node ${version}`, OPTIONS, async () => {
      using home = makeHome();
      using mailbox = makeMailbox();
      await using sshd = await startSshd({ hostKeys: ["ed25519", "rsa"] });
      const keys = { "commands.imap": mailbox.command };
      const changed = { match: "changed.test", known_hosts: sshd.knownHostsFile("wrong") };
      home.writeTable(`${tableFor(sshd, keys)}\n${tableFor(sshd, { ...keys, ...changed })}`);
      const options = { env: home.env };

      await using call = await startCall([path, preauth, "mail.test", "jane", "imap"], options);
      await readMessage(call);
      assert.equal((await call.finished()).status, 0);
      assert.equal(sshd.logins(), 1);

      const unknown = await runCall([path, preauth, "unknown.test", "jane", "imap"], options);
      assert.deepEqual([unknown.status, unknown.output.length], [1, 0]);

      const words = [path, preauth, "changed.test", "jane", "imap"];
      const refused = await runCall(words, { ...options, input: "A1 NOOP\r\n" });
      assert.equal(refused.status, 77);
      assert.match(
        refused.output.toString(),
        /^\* PREAUTH .*\r\n\* BYE preauth: .*\r\nA1 NO preauth: .*\r\n$/,
      );
      assert.equal(sshd.logins(), 1);
    });
  }
});
