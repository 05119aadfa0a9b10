import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { type MailHostOptions, skipWithoutMailHosts, startMailHost } from "../../peers/mail_host.ts";
import { assertWritable, check, open, reason } from "./host_call.ts";

const skip = skipWithoutMailHosts();
const COURIER = "/opt/courier";

/** An imapd in ~/bin, which "auto" finds. */
function imapd(text: string): MailHostOptions {
  return { files: { "bin/imapd": [`#!/bin/sh\n${text}\n`, 0o755] } };
}

/** How a reason begins, as Alpine shows it behind "preauth: work: " on a screen of 80 columns. */
const CASES: readonly (readonly [title: string, options: MailHostOptions, begins: string, hint: RegExp])[] = [
  [
    "Courier without its Maildir",
    { path: COURIER },
    '"chdir ./Maildir: No such file or directory" (the IMAP server refused: "BYE [ALERT] Fatal error: No such file',
    /hint: .*commands\.imap = "exec imapd Mail"\n.*hint: .*: mkdir -p -m 700 ~\/Maildir /,
  ],
  [
    "a Dovecot that the user may not start",
    { imapMode: 0o750 },
    "no imapd was found on the server that jane may start, only /usr/lib/dovecot/imap: have commands.imap in hosts.toml",
    /hint: name the imapd of the remote host .*\n.*hint: .* commands\.imap = \{ to = "localhost:143", login = "client" \}/,
  ],
  [
    "a Dovecot whose configuration the user may not read",
    { configurationMode: 0o600, spool: 1 },
    '"doveconf: Fatal: open(/etc/dovecot/dovecot.conf) failed: Permission denied" (the remote command ended with status 89',
    /hint: .* commands\.imap = \{ to = "localhost:143", login = "client" \}/,
  ],
  // At its port it is no better.
  [
    "a Dovecot whose configuration is wrong",
    { dovecot: "mail_plugins = nonesuch\n", spool: 1 },
    "\"Fatal: Plugin 'nonesuch' not found from directory /usr/lib/dovecot/modules\" (the remote command ended with status 89",
    /hint: ask the server's administrator to correct Dovecot's configuration$/m,
  ],
  // It tells nobody but syslog, and is not looked for, since it never opens for its user.
  [
    "Cyrus, whose imapd is for its own master to start",
    imapd("exec /usr/lib/cyrus/bin/imapd"),
    "the remote command ended with status 70 before any greeting",
    /hint: .*Cyrus.* commands\.imap = \{ to = "localhost:143", login = "client" \}/,
  ],
  [
    "an imapd behind noise about the locale and the home",
    imapd(
      [
        "echo 'bash: warning: setlocale: LC_ALL: cannot change locale (xx_YY): No such file or directory' >&2",
        "echo 'imapd: /home/jane/mail: Permission denied' >&2",
        "echo 'Goodbye.'; exit 1",
      ].join("\n"),
    ),
    '"imapd: /home/jane/mail: Permission denied" (the remote command ended with status 1 before any greeting)',
    /hint: /,
  ],
];

describe("a mail host without a mailbox for the user", { skip, concurrency: 3 }, () => {
  for (const [title, options, begins, hint] of CASES) {
    test(`is told by what is wrong with it: ${title}`, async () => {
      await using host = await startMailHost("bookworm", options);
      const { said, log } = await reason(host);
      assert.equal(said.slice(0, begins.length), begins);
      assert.match(log, hint);
    });
  }

  test("has Courier's mailbox where its Maildir is there", async () => {
    await using host = await startMailHost("bookworm", { path: COURIER, maildir: 3 });
    assertWritable(await open(host), 3);
  });

  test("has Courier's mailbox where $MAILDIR says, and where the table's word does", async () => {
    const options = {
      ...imapd("MAILDIR=/home/jane/letters exec /opt/courier/imapd"),
      maildir: 3,
      folder: "letters",
    };
    await using host = await startMailHost("bookworm", options);
    assertWritable(await open(host), 3);
    const line = "MAILDIR=/nowhere exec /opt/courier/imapd letters";
    assertWritable(await open(host, { "commands.imap": line }), 3);
  });
});

describe("a mail host whose mailbox does not open", { skip, concurrency: 2 }, () => {
  test("is told by what Dovecot says of it, which its answer leaves to its log", async () => {
    // A Maildir, and Debian's INBOX in /var/mail left as it is.
    const dovecot = "mail_driver = maildir\nmail_path = ~/Maildir\n";
    await using host = await startMailHost("trixie", { maildir: 3, dovecot });
    const { status, stderr } = await check(host);
    assert.equal(status, 69);
    const told =
      'INBOX cannot be opened: "Error: Mailbox INBOX: Failed to autocreate mailbox: Permission denied" (';
    assert.ok(stderr.startsWith(`preauth: mail.test: ${told}the server's answer: "NO [SERVERBUG] `), stderr);
  });

  test("is told by the last words of an imapd that ends in SELECT", async () => {
    const lines = [
      "echo '* PREAUTH [CAPABILITY IMAP4rev1] ready'; read line",
      "echo 'imap(jane)<12><x>: Panic: file mail-index.c: assertion failed' >&2; exit 83",
    ];
    await using host = await startMailHost("bookworm", imapd(lines.join("\n")));
    const { status, stderr } = await check(host);
    assert.equal(status, 69);
    assert.match(
      stderr,
      /^preauth: mail\.test: the IMAP server ended with status 83 instead of opening INBOX: "Panic: file mail-index\.c: assertion failed"$/m,
    );
  });
});
