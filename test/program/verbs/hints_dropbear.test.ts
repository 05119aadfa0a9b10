import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, describe, test } from "node:test";
import { forms } from "../../peers/binaries.ts";
import { type Mailbox, makeMailbox } from "../../peers/dovecot.ts";
import { type Dropbear, skipWithoutDropbear, startDropbear } from "../../peers/dropbear.ts";
import { type Home, type HostLines, hostTable, makeHome } from "../../peers/home.ts";
import { startSshd } from "../../peers/sshd.ts";
import { authorize, INSTALL, KEY, NEW } from "./authorizing.ts";
import { check, keysOf, lineOf } from "./hinted.ts";

/* What --authorize hints at where it cannot do all, with a real dropbear; and where the key for mail is the only one left. */

const [form = assert.fail("no form")] = forms;
const TIMEOUT = { timeout: 120_000 };

let mailbox: Mailbox;
before(() => {
  mailbox = makeMailbox();
});
after(() => mailbox[Symbol.dispose]());

type Server = Pick<Dropbear, "host" | "port" | "user" | "identity" | "knownHosts">;

/** A table with a key of ssh_config, which --authorize logs in with. */
function write(home: Home, server: Server, keys: HostLines = {}, more = ""): void {
  const ssh_config = home.write("ssh_config", `IdentityFile ${server.identity}\nIdentitiesOnly yes\n`);
  const lines = {
    ...{ match: "work", server: server.host, port: server.port, user: server.user, ssh_config },
    ...{ known_hosts: server.knownHosts, "commands.imap": mailbox.command, ...keys },
  };
  home.writeTable(hostTable(lines) + more);
}

describe("hints of --authorize", { concurrency: 2 }, () => {
  test("do without forwards to a dropbear, which then keeps the key to mail", {
    ...TIMEOUT,
    skip: skipWithoutDropbear(),
  }, async () => {
    await using dropbear = await startDropbear();
    using home = makeHome();
    write(home, dropbear, {}, '\n[[forward]]\nname = "smtp"\nlisten = 2025\nto = "127.0.0.1:25"\n');
    const { status, screen, hints } = await authorize(form, home, [...NEW, INSTALL]);
    assert.equal(status, 69, screen);
    assert.deepEqual(hints, [
      "dropbear restricts less than sshd; ask for sshd there, or do without forwards to this server",
    ]);
    write(home, dropbear);
    const again = await authorize(form, home, [KEY, INSTALL]);
    assert.equal(again.status, 0, again.screen);
    assert.match(again.screen, /^opens {4}INBOX/m);
    assert.doesNotMatch(again.screen, /^ALLOWED/m);
    assert.equal((await check(form, home)).status, 0);
  });

  test("put a command with double quotes into a script, which dropbear takes", {
    ...TIMEOUT,
    skip: skipWithoutDropbear(),
  }, async () => {
    await using dropbear = await startDropbear();
    using home = makeHome();
    const line = mailbox.command.replace(/^exec /, 'USER="" exec ');
    write(home, dropbear, { "commands.imap": line });
    const { status, screen, hints } = await authorize(form, home, NEW);
    assert.equal(status, 78, screen);
    assert.deepEqual(hints, ["put the command into a script on the server, and name that in the table"]);
    const script = home.write("imapd", `#!/bin/sh\n${line}\n`, 0o700);
    write(home, dropbear, { "commands.imap": `exec ${script}` });
    const again = await authorize(form, home, [...NEW, INSTALL]);
    assert.equal(again.status, 0, again.screen);
    assert.match(again.screen, /^opens {4}INBOX/m);
  });

  test("log in in another way, where the key for mail is the only one that lets in", TIMEOUT, async () => {
    await using sshd = await startSshd({ keysAtHome: true });
    using home = makeHome();
    write(home, sshd);
    assert.equal((await authorize(form, home, [...NEW, INSTALL])).status, 0);
    const { identity = "" } = keysOf(readFileSync(home.tableFile, "utf8").split("\n"));
    // The usual key is not at hand any more.
    const ssh_config = home.write("only", `IdentityFile ${home.path}/.ssh/id_mail_work\n`);
    write(home, sshd, { identity, ssh_config, "commands.imap": "exec true" });
    const { status, screen, hints } = await authorize(form, home, [KEY]);
    assert.equal(status, 77, screen);
    lineOf(
      hints.map((hint) => `: ${hint}`),
      /log in to the server in another way to change what the key may do$/,
    );
    write(home, sshd, { identity });
    const again = await authorize(form, home, [KEY]);
    assert.equal(again.status, 0, again.screen);
  });
});
