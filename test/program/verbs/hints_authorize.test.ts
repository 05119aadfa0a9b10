import assert from "node:assert/strict";
import {
  appendFileSync,
  chmodSync,
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
} from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { forms } from "../../peers/binaries.ts";
import { type Mailbox, makeMailbox } from "../../peers/dovecot.ts";
import { type Home, type HostLines, makeHome, tableFor } from "../../peers/home.ts";
import { skipUnlessRoot } from "../../peers/rights.ts";
import { type Sshd, startSshd } from "../../peers/sshd.ts";
import { authorize, INSTALL, KEY, NEW } from "./authorizing.ts";
import { check, keysOf, type } from "./hinted.ts";

/* What --authorize hints at on its terminal, followed in the state that it is for. Its words are the same in both forms. */

const [form = assert.fail("no form")] = forms;
const TIMEOUT = { timeout: 120_000 };

let mailbox: Mailbox;
before(() => {
  mailbox = makeMailbox();
});
after(() => mailbox[Symbol.dispose]());

/** A table with a key of ssh_config, which --authorize logs in with. */
function write(home: Home, sshd: Sshd, keys: HostLines = {}): string {
  const ssh_config = home.write("ssh_config", `IdentityFile ${sshd.identity}\nIdentitiesOnly yes\n`);
  const own = { match: "work", identity: undefined, ssh_config, "commands.imap": mailbox.command };
  const table = tableFor(sshd, { ...own, ...keys });
  home.writeTable(table);
  return table;
}

describe("hints of --authorize on a terminal", { concurrency: 3 }, () => {
  test("name the key by hand in a table that has changed meanwhile", TIMEOUT, async () => {
    await using sshd = await startSshd({ keysAtHome: true });
    using home = makeHome();
    const table = write(home, sshd);
    const edit = () => appendFileSync(home.tableFile, "# of an editor\n");
    const { status, screen, hints } = await authorize(form, home, [
      ...NEW,
      [/install it on work/, "yes", edit],
    ]);
    assert.equal(status, 78, screen);
    const { identity } = keysOf(hints.map((hint) => hint.replace("or write into its [[host]]: ", "")));
    home.writeTable(`${table}identity = ${JSON.stringify(identity)}\n`);
    const { status: mended, text, stderr } = await check(form, home);
    assert.equal(mended, 0, stderr);
    assert.match(text, /\/\.ssh\/id_mail_work/);
  });

  test("take the key out that does more than open mail, and it lets in no longer", TIMEOUT, async () => {
    // A command of sshd_config comes before that of the key.
    await using sshd = await startSshd({ keysAtHome: true, shell: "/bin/sh" });
    using home = makeHome();
    write(home, sshd);
    const { status, screen, hints } = await authorize(form, home, [...NEW, INSTALL]);
    assert.equal(status, 69, screen);
    assert.match(screen, /^ALLOWED {2}another command: /m);
    const named = /^take the line of (\S+) out of ~(\/\.ssh\/authorized_keys) on the server/m.exec(
      hints.join("\n"),
    );
    const [, pub = "", file = ""] = named ?? [];
    write(home, sshd, { identity: pub.replace(/\.pub$/, "") });
    assert.equal((await check(form, home)).status, 0);
    const [, blob = ""] = readFileSync(pub, "utf8").split(" ");
    assert.equal(type(form, home, `sed -i '\\:${blob}:d' ${sshd.home}${file}`).status, 0);
    const after = await check(form, home);
    assert.equal(after.status, 77);
    assert.match(after.stderr, /not let in \(tried ssh-ed25519 \S+ from \S+id_mail_work/);
  });

  // By others: Debian's sshd minds no group of which the user is the only one.
  const OPEN: readonly (readonly [title: string, path: string, mode: number])[] = [
    ["home", "", 0o702],
    ["~/.ssh", ".ssh", 0o702],
    ["file", ".ssh/authorized_keys", 0o602],
  ];
  for (const [title, path, mode] of OPEN) {
    test(`close a ${title} that others can write to sshd, which then trusts it`, {
      ...TIMEOUT,
      skip: skipUnlessRoot,
    }, async () => {
      // sshd looks at every directory as far as the root; /tmp is everybody's.
      const folder = mkdtempSync("/var/lib/preauth-test-");
      try {
        const there = join(folder, "home");
        mkdirSync(join(there, ".ssh"), { recursive: true, mode: 0o700 });
        await using sshd = await startSshd({
          config: ["StrictModes yes", `AuthorizedKeysFile ${folder}/other ${there}/.ssh/authorized_keys`],
          environment: { HOME: there },
        });
        copyFileSync(`${sshd.identity}.pub`, join(folder, "other"));
        appendFileSync(join(there, ".ssh/authorized_keys"), "", { mode: 0o600 });
        chmodSync(join(there, path), mode);
        using home = makeHome();
        write(home, sshd);
        const { status, screen, hints } = await authorize(form, home, [...NEW, INSTALL]);
        assert.equal(status, 77, screen);
        const [, why = ""] = /^or it does not trust the file: (.*)$/m.exec(hints.join("\n")) ?? [];
        assert.equal(why, "neither it nor ~/.ssh nor the home may be writable by group or others");
        for (const name of [".ssh/authorized_keys", ".ssh", ""]) {
          type(form, home, `chmod go-w ${join(there, name)}`);
        }
        const again = await authorize(form, home, [KEY]);
        assert.equal(again.status, 0, again.screen);
        assert.match(again.screen, /^opens {4}INBOX/m);
      } finally {
        rmSync(folder, { recursive: true, force: true });
      }
    });
  }
});
