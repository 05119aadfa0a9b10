import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { appendFileSync, copyFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { forms } from "../../peers/binaries.ts";
import { type Mailbox, makeMailbox } from "../../peers/dovecot.ts";
import { hostTable, makeHome, tableFor } from "../../peers/home.ts";
import { program } from "../../peers/programs.ts";
import { recentSshd, skipWithoutRecentSshd } from "../../peers/recent_sshd.ts";
import { skipUnlessRoot } from "../../peers/rights.ts";
import { startSecretServer } from "../../peers/secret_server.ts";
import { startSshd } from "../../peers/sshd.ts";
import { openTerminal } from "../../peers/terminal.ts";
import { check, lineOf, type } from "./hinted.ts";

/* More hints about host keys and logins, each typed in the state that it is for. Their words are the same in both forms. */

const [form = assert.fail("no form")] = forms;

let mailbox: Mailbox;
before(() => {
  mailbox = makeMailbox();
});
after(() => mailbox[Symbol.dispose]());

describe("hints about a host key that is not known", { skip: skipUnlessRoot, concurrency: 2 }, () => {
  for (const kind of ["ed25519", "ecdsa", "rsa"] as const) {
    test(`compare it with the file of the server: ${kind}`, async () => {
      await using sshd = await startSshd({ hostKeys: [kind] });
      using home = makeHome();
      home.writeTable(tableFor(sshd, { match: "work", known_hosts: sshd.knownHostsFile("empty") }));
      const { status, stderr, hints } = await check(form, home);
      assert.equal(status, 77);
      const [shown = "nothing"] = /SHA256:[\w+/]+/.exec(stderr) ?? [];
      const line = lineOf(hints, /^compare it with the server's own key; on the server run/);
      // The server's /etc/ssh, for this one line.
      const etc = join(home.write("etc/moduli", ""), "..");
      copyFileSync(`${sshd.hostKeys[0]?.path}.pub`, join(etc, `ssh_host_${kind}_key.pub`));
      const there = spawnSync(
        program("unshare"),
        [
          ...["--mount", "--propagation", "private", "sh", "-c"],
          `mount --bind "${etc}" /etc/ssh && eval "$1"`,
          ...["sh", line],
        ],
        { encoding: "utf8" },
      );
      assert.equal(there.stdout.split(" ")[1], shown, there.stderr);
    });
  }
});

const KINDS = spawnSync(program("ssh"), ["-Q", "key"], { encoding: "utf8" });

describe("hints about a key that is of no use", { concurrency: 2 }, () => {
  test("make another than a DSA key", {
    skip: /^ssh-dss$/m.test(KINDS.stdout) ? false : "this ssh-keygen makes no DSA keys",
  }, async () => {
    await using sshd = await startSshd();
    using home = makeHome();
    const old = join(home.path, "id_dsa");
    execFileSync(program("ssh-keygen"), ["-q", "-t", "dsa", "-N", "", "-f", old]);
    home.writeTable(tableFor(sshd, { match: "work", "commands.imap": mailbox.command, identity: old }));
    const { status, stderr, hints } = await check(form, home);
    assert.equal(status, 77);
    assert.match(stderr, /of a kind that is not supported \(ssh-dss\)/);
    const own = join(home.path, "id_ed25519");
    const line = lineOf(hints, /^make another: ssh-keygen/);
    assert.equal(type(form, home, `${line} -q -N '' -f ${own}`).status, 0);
    await assertMended(sshd, home, own);
  });

  test("make one of another kind where the server takes RSA with SHA-1 alone", {
    skip: skipWithoutRecentSshd(),
  }, async () => {
    // Earlier ones name, of the signatures that they take, all that they know.
    const config = ["PubkeyAcceptedAlgorithms ssh-rsa,ssh-ed25519"];
    await using sshd = await startSshd({ program: recentSshd(), config, clientKey: "rsa" });
    using home = makeHome();
    home.writeTable(tableFor(sshd, { match: "work", "commands.imap": mailbox.command }));
    const { status, stderr, hints } = await check(form, home);
    assert.equal(status, 77);
    assert.match(stderr, /was not offered, as the server takes no RSA signature/);
    const own = join(home.path, "id_ed25519");
    const line = lineOf(hints, /^make a key of another kind: ssh-keygen/);
    assert.equal(type(form, home, `${line} -q -N '' -f ${own}`).status, 0);
    await assertMended(sshd, home, own);
  });
});

test("asks the same by ssh as the server that has refused a password", async () => {
  await using server = await startSecretServer({ password: "swordfish" });
  using home = makeHome();
  const { host, port, user, knownHosts } = server;
  const ssh_config = home.write("ssh_config", `IdentityFile none\nUserKnownHostsFile ${knownHosts}\n`);
  home.writeTable(hostTable({ match: "work", server: host, port, user, ssh_config }));
  const screen = { env: home.env, columns: 160 };
  const say = async (words: readonly string[], passwords: readonly string[], wanted: RegExp) => {
    await using terminal = await openTerminal(words, screen);
    for (const [index, password] of passwords.entries()) {
      await terminal.waitFor(new RegExp(`(password:[^]*){${index + 1}}$`), "the question");
      terminal.type(password);
      terminal.keys("Enter");
    }
    return await terminal.waitFor(wanted, "the outcome");
  };
  const login = [...form.argv, "--login", "work"];
  const told = await say(login, ["haddock", "haddock", "haddock"], /asks the same: /);
  const [, line = ""] =
    /^preauth: hint: check what was typed.*; this asks the same: (ssh .*)$/m.exec(told) ?? [];
  await say(["/bin/sh", "-c", line], ["haddock"], /Permission denied, please try again/);
  await say(["/bin/sh", "-c", `${line} -v true`], ["swordfish"], /Authenticated to /);
  await say(login, ["swordfish"], /logged in to work/);
});

/** The new key is authorized and named in the table: it lets in. */
async function assertMended(
  sshd: Awaited<ReturnType<typeof startSshd>>,
  home: ReturnType<typeof makeHome>,
  key: string,
): Promise<void> {
  appendFileSync(
    join(sshd.home, "../authorized_keys"),
    execFileSync(program("ssh-keygen"), ["-y", "-f", key]),
  );
  home.writeTable(tableFor(sshd, { match: "work", "commands.imap": mailbox.command, identity: key }));
  const { status, stderr } = await check(form, home);
  assert.equal(status, 0, stderr);
}
