import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { MLKEM, proposal } from "../../../src/ssh/exchange/algorithms.ts";
import { describeForms } from "../../peers/binaries.ts";
import { runCall } from "../../peers/call.ts";
import { makeMailbox } from "../../peers/dovecot.ts";
import { makeHome, tableFor } from "../../peers/home.ts";
import { recentSshd, skipWithoutRecentSshd } from "../../peers/recent_sshd.ts";
import { type Sshd, startSshd } from "../../peers/sshd.ts";
import { connectTo, never, newStory, targetFor } from "../../unit/ssh/fixtures.ts";

const skip = skipWithoutRecentSshd();
const LOGOUT = "A1 LOGOUT\r\n";

let sshd: Sshd;
before(async () => {
  if (skip === false) sshd = await startSshd({ program: recentSshd() });
});
after(() => sshd?.stop());

describe("an OpenSSH that has ML-KEM", { skip }, () => {
  test("agrees on it", async () => {
    const story = newStory();
    const connection = await connectTo(targetFor(sshd), story);
    const command = await connection.exec("exit 3", { signal: never() });
    command.stdout.resume();
    command.stderr.resume();
    assert.deepEqual(await command.ended, { kind: "status", status: 3 });
    connection.end();
    assert.match(story.steps.find(([step]) => step === "kex")?.[1] ?? "", new RegExp(`^${MLKEM}, `));
  });

  test("agrees on it again whenever keys are renewed", async () => {
    await using rekeying = await startSshd({ program: recentSshd(), config: ["RekeyLimit 64K"] });
    const connection = await connectTo(targetFor(rekeying));
    const command = await connection.exec("head -c 1000000 /dev/zero", { signal: never() });
    let length = 0;
    command.stdout.on("data", (chunk: Buffer) => {
      length += chunk.length;
    });
    command.stderr.resume();
    assert.deepEqual(await command.ended, { kind: "status", status: 0 });
    assert.equal(length, 1_000_000);
    connection.end();
  });

  test("agrees on every other key exchange too", async () => {
    const { kex } = proposal(targetFor(sshd), { types: new Set(), certified: false });
    await using server = await startSshd({
      program: recentSshd(),
      config: [`KexAlgorithms ${kex.join(",")}`],
    });
    for (const name of kex) {
      const allowed = {
        kex: [name],
        hostKey: undefined,
        cipher: undefined,
        mac: undefined,
        userKey: undefined,
      };
      const story = newStory();
      const connection = await connectTo(targetFor(server, { allowed }), story);
      connection.end();
      await connection.closed;
      assert.equal(story.steps.find(([step]) => step === "kex")?.[1].split(",")[0], name);
    }
  });
});

describeForms("a mailbox on an OpenSSH that has ML-KEM", (form) => {
  /** What --check says of the key exchange, with these lines in ssh_config. */
  async function exchanged(lines: readonly string[]): Promise<string> {
    using home = makeHome();
    using mailbox = makeMailbox();
    const config = home.write("ssh_config", lines.map((line) => `${line}\n`).join(""));
    home.writeTable(tableFor(sshd, { match: "work", "commands.imap": mailbox.command, ssh_config: config }));
    const { output, stderr, status } = await runCall([...form.argv, "--check", "work"], {
      env: home.env,
      stdio: "pipes",
    });
    assert.equal(status, 0, stderr);
    return /^key exchange +\d+ ms {2}(\S+),/m.exec(output.toString())?.[1] ?? output.toString();
  }

  test("is opened by a mail call", { skip }, async () => {
    using home = makeHome();
    using mailbox = makeMailbox();
    home.writeTable(tableFor(sshd, { "commands.imap": mailbox.command }));
    const before = sshd.logins();
    const argv = [...form.argv, "mail.test", "jane", "imap"];
    const { output, status } = await runCall(argv, { env: home.env, input: LOGOUT });
    assert.match(output.toString(), /^\* PREAUTH .*\r\n\* BYE .*\r\nA1 OK /);
    assert.equal(status, 0);
    assert.equal(sshd.logins(), before + 1);
  });

  test("has its keys exchanged by ML-KEM, and as KexAlgorithms of ssh_config says", { skip }, async () => {
    assert.equal(await exchanged([]), MLKEM);
    assert.equal(await exchanged(["KexAlgorithms ecdh-sha2-nistp384"]), "ecdh-sha2-nistp384");
    const two = ["KexAlgorithms ecdh-sha2-nistp256,curve25519-sha256"];
    assert.equal(await exchanged(two), "ecdh-sha2-nistp256");
  });
});
