import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { dirname } from "node:path";
import { after, before, describe, test } from "node:test";
import { forms } from "../../peers/binaries.ts";
import { runCall } from "../../peers/call.ts";
import { type Mailbox, makeMailbox } from "../../peers/dovecot.ts";
import { type Home, makeHome, tableFor } from "../../peers/home.ts";
import { PASSWORD, startLoginServer } from "../../peers/login_server.ts";
import {
  type MailHostOptions,
  RELEASES,
  skipWithoutMailHosts,
  startMailHost,
} from "../../peers/mail_host.ts";
import { inNetworkOf, NETWORK_APART, skipWithoutNetworks } from "../../peers/network.ts";
import { program } from "../../peers/programs.ts";
import { type Sshd, type SshdOptions, startSshd } from "../../peers/sshd.ts";
import { check, keysOf, lineOf, type Told } from "../verbs/hinted.ts";

/* The hints about a server that opens no mailbox: each is typed in the state that it is for. */

const skip = skipWithoutMailHosts();
// What happens on the server is the same for both.
const [form] = forms;

/** `--check` of an account, with a line of the table. */
async function checkOf(sshd: Sshd, home: Home, line: string, deadline = "10s"): Promise<Told> {
  home.writeTable(tableFor(sshd, { match: "work", "commands.imap": line, deadline }));
  return check(form ?? assert.fail("no form"), home);
}

/** The line for commands.imap that a hint has. */
function imapLine(hints: readonly string[], about: RegExp): string {
  return String(keysOf(hints.filter((one) => about.test(one)))["commands.imap"]);
}

/** Runs a line on the server, as its user. */
function runThere(sshd: Sshd, line: string): void {
  const options = ["-F", "none", "-o", `UserKnownHostsFile=${sshd.knownHosts}`, "-i", sshd.identity];
  const there = spawnSync(program("ssh"), [...options, "-p", String(sshd.port), sshd.host, line]);
  assert.equal(there.status, 0, String(there.stderr));
}

describe("hints about a mail host", { skip, concurrency: 3 }, () => {
  for (const release of RELEASES) {
    for (const home of ["/home/jane", "/srv/jane"]) {
      test(`name the place of the mail for the Dovecot of Debian ${release}, with a home at ${home}`, async () => {
        await using host = await startMailHost(release, { maildir: 3, folder: "Mail", home });
        using own = makeHome();
        const { status, hints } = await checkOf(host.sshd, own, "auto");
        assert.equal(status, 69);
        const mended = await checkOf(host.sshd, own, imapLine(hints, /^Dovecot with mail in ~\/Mail/));
        assert.match(mended.text, /OK \[READ-WRITE\].*\(3 messages\)/);
        assert.equal(mended.status, 0, mended.stderr);
      });
    }
  }

  const COURIER: MailHostOptions = { path: "/opt/courier" };

  test("name Courier's Maildir that is elsewhere", async () => {
    await using host = await startMailHost("bookworm", { ...COURIER, maildir: 3, folder: "Mail" });
    using home = makeHome();
    const { hints } = await checkOf(host.sshd, home, "auto");
    const mended = await checkOf(host.sshd, home, imapLine(hints, /^Courier/));
    assert.match(mended.text, /OK \[READ-WRITE\].*\(3 messages\)/);
    assert.equal(mended.status, 0, mended.stderr);
  });

  test("make Courier's Maildir that is missing", async () => {
    await using host = await startMailHost("bookworm", COURIER);
    using home = makeHome();
    const { hints } = await checkOf(host.sshd, home, "auto");
    runThere(host.sshd, lineOf(hints, /^without any mail/));
    const mended = await checkOf(host.sshd, home, "auto");
    assert.match(mended.text, /OK \[READ-WRITE\].*\(0 messages\)/);
    assert.equal(mended.status, 0, mended.stderr);
  });

  for (const maildir of ["letters", "/home/jane/my letters/", "./kept/letters"]) {
    test(`make the directory of $MAILDIR that Courier misses: ${maildir}`, async () => {
      const imapd = `#!/bin/sh\nMAILDIR='${maildir}' exec /opt/courier/imapd\n`;
      await using host = await startMailHost("bookworm", { files: { "bin/imapd": [imapd, 0o755] } });
      using home = makeHome();
      const { hints, stderr } = await checkOf(host.sshd, home, "auto");
      assert.ok(stderr.startsWith(`preauth: work: "chdir ${maildir}: No such file or directory" (`), stderr);
      runThere(host.sshd, lineOf(hints, /^without any mail/));
      const mended = await checkOf(host.sshd, home, "auto");
      assert.match(mended.text, /OK \[READ-WRITE\].*\(0 messages\)/);
      assert.equal(mended.status, 0, mended.stderr);
      assert.ok(host.files().some((name) => /letters\/cur$/.test(name)));
    });
  }

  test("name an imapd where the search does not look", async () => {
    await using host = await startMailHost("bookworm", { imapMode: 0o750, maildir: 3 });
    using home = makeHome();
    const { status, hints } = await checkOf(host.sshd, home, "auto");
    assert.equal(status, 127);
    const line = imapLine(hints, /^name the imapd/).replace("/path/to/imapd", "/opt/courier/imapd");
    const mended = await checkOf(host.sshd, home, line);
    assert.match(mended.text, /OK \[READ-WRITE\].*\(3 messages\)/);
    assert.equal(mended.status, 0, mended.stderr);
  });

  test("lead to the port of an imapd that its own master starts, as Cyrus's", {
    skip: skipWithoutNetworks(),
  }, async () => {
    const files = { "bin/imapd": ["#!/bin/sh\nexec /usr/lib/cyrus/bin/imapd\n", 0o755] } as const;
    await using host = await startMailHost("bookworm", { files, under: NETWORK_APART });
    const inside = inNetworkOf(host.sshd.pid);
    const there = { ...(form ?? assert.fail("no form")), argv: [...inside, ...(form?.argv ?? [])] };
    using mailbox = makeMailbox();
    await using server = await startLoginServer("imap", mailbox, 143, inside);
    using home = makeHome();
    home.writeTable(tableFor(host.sshd, { match: "work", "commands.imap": "auto" }));
    const { status, hints } = await check(there, home);
    assert.equal(status, 70);
    const line = lineOf(hints, /^an imapd that users cannot start \(Cyrus/);
    home.writeTable(`${tableFor(host.sshd, { match: "work" })}${line}\n`);
    const { output, stderr } = await runCall([...there.argv, "work", host.sshd.user, "imap"], {
      ...{ env: home.env, stdio: "pipes" },
      input: `a LOGIN jane ${PASSWORD}\r\nb SELECT INBOX\r\nc LOGOUT\r\n`,
    });
    assert.match(String(output), /^\* 3 EXISTS\r$/m, stderr);
    assert.equal(server.logins(), 1);
  });
});

describe("hints about a login shell", { concurrency: 3 }, () => {
  let mailbox: Mailbox;
  before(() => {
    mailbox = makeMailbox();
  });
  after(() => mailbox[Symbol.dispose]());

  test("name a program on the PATH of a restricted one", async () => {
    const path = `${dirname(mailbox.command.replace(/^exec /, ""))}:/usr/bin:/bin`;
    await using sshd = await startSshd({ shell: program("rbash"), environment: { PATH: path } });
    using home = makeHome();
    const { status, hints, stderr } = await checkOf(sshd, home, "auto");
    assert.equal(status, 1);
    assert.match(stderr, /^preauth: work: ".*: restricted"/);
    const mended = await checkOf(sshd, home, imapLine(hints, /restricted/));
    assert.match(mended.text, /OK \[READ-WRITE\]/);
    assert.equal(mended.status, 0, mended.stderr);
  });

  const others: readonly (readonly [title: string, options: SshdOptions, shown: RegExp])[] = [
    ["runs nothing", { shell: "/bin/false" }, /^$/],
    ["ends well", { config: ["ForceCommand echo no mail here"] }, /^no mail here\n$/],
    [
      "is a menu that waits",
      { config: ["ForceCommand printf 'Welcome\\nchoice: '; read x; exit 0"] },
      /^Welcome\nchoice: $/,
    ],
  ];
  for (const [title, options, shown] of others) {
    test(`show by hand what one does that ${title}`, async () => {
      await using sshd = await startSshd(options);
      using home = makeHome();
      const { status, hints } = await checkOf(sshd, home, "auto", "3s");
      assert.notEqual(status, 0);
      const known = `ssh -o UserKnownHostsFile=${sshd.knownHosts} `;
      const line = lineOf(hints, /^see what the account does/).replace("ssh ", known);
      const { stdout } = spawnSync("/bin/sh", ["-c", line], { env: home.env, encoding: "utf8", input: "" });
      assert.match(stdout, shown);
    });
  }
});
