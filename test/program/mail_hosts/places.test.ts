import assert from "node:assert/strict";
import { describe, test } from "node:test";
import {
  type MailHostOptions,
  RELEASES,
  type Release,
  skipWithoutMailHosts,
  startMailHost,
} from "../../peers/mail_host.ts";
import { assertWritable, open, reason } from "./host_call.ts";

/* Where Dovecot's configuration keeps the mail, other than in the one setting that Debian's has. */

const skip = skipWithoutMailHosts();

/** So many messages, as a file of mbox form. */
function mbox(messages: number): readonly [text: string, mode: number] {
  const letter =
    "From joe@isp.com Mon Jan  1 12:00:00 2024\nFrom: joe@isp.com\nSubject: Letter\n\nHello.\n\n";
  return [letter.repeat(messages), 0o600];
}

/** Lines of the configuration that put mail of a kind into a place, in front of others. */
function configured(release: Release, kind: string, path: string, inbox: string | undefined): string {
  if (release === "trixie") {
    return `mail_driver = ${kind}\nmail_path = ${path}\nmail_inbox_path = ${inbox ?? path}\n`;
  }
  return `mail_location = ${kind}:${path}${inbox === undefined ? "" : `:INBOX=${inbox}`}\n`;
}

/** The same for a namespace alone. */
function inNamespace(release: Release, path: string): string {
  const lines = configured(release, "maildir", path, undefined).replace("mail_location", "location");
  return `namespace inbox {\n${lines}}\n`;
}

/** The same of no place at all: Dovecot looks for the mail. */
function nowhere(release: Release): string {
  return release === "trixie" ? "mail_driver =\nmail_path =\nmail_inbox_path =\n" : "mail_location =\n";
}

const MAILDIR = { maildir: 3 } as const;
const MAIL = { ...MAILDIR, folder: "Mail" } as const;

for (const release of RELEASES) {
  const at = (kind: string, path: string, inbox?: string): string => configured(release, kind, path, inbox);
  const cases: readonly (readonly [title: string, options: MailHostOptions, made: RegExp])[] = [
    [
      "in ~/mail, with INBOX in ~/mbox, beside a mailbox in /var/mail",
      { spool: 2, dovecot: at("mbox", "~/mail", "~/mbox"), files: { mbox: mbox(3) } },
      /^home\/mail\b/,
    ],
    [
      "below mail_home, which is another directory than the user's home",
      {
        ...{ ...MAILDIR, folder: "kept/Maildir", spool: 2 },
        dovecot: `${at("maildir", "~/Maildir")}mail_home = /home/jane/kept\n`,
      },
      /^home\/kept\/Maildir\b/,
    ],
    [
      "below mail_home, which names the user, with INBOX in ~/mbox",
      {
        files: { "kept/jane/mbox": mbox(3) },
        dovecot: `${at("mbox", "~/mail", "~/mbox")}mail_home = /home/jane/kept/${release === "trixie" ? "%{user | username}" : "%n"}\n`,
      },
      /^home\/kept\/jane\/mail\b/,
    ],
    [
      "in the user's home, where mail_home is another directory, which is not there",
      { ...MAILDIR, dovecot: `${at("maildir", "~/Maildir")}mail_home = /srv/nowhere/%u\n` },
      /^home\/Maildir\b/,
    ],
    ["where the namespace has it", { ...MAIL, dovecot: inNamespace(release, "~/Mail") }, /^home\/Mail\b/],
    [
      "where protocol imap has it",
      { ...MAIL, dovecot: `protocol imap {\n${at("maildir", "~/Mail")}}\n` },
      /^home\/Mail\b/,
    ],
    [
      "in a Maildir that Dovecot is to find, beside a mailbox in /var/mail",
      { ...MAILDIR, spool: 2, dovecot: nowhere(release) },
      /^home\/Maildir\b/,
    ],
    ["in /var/mail, where Dovecot is to find it", { spool: 3, dovecot: nowhere(release) }, /^home\/mail\b/],
    [
      "in ~/mbox, where Dovecot is to find it",
      { files: { mbox: mbox(3) }, dovecot: nowhere(release) },
      /^home\/mail\b/,
    ],
    [
      "below a home outside of /home, by %h or %{home}",
      {
        ...{ ...MAILDIR, home: "/srv/jane", spool: 2 },
        dovecot: at("maildir", release === "trixie" ? "%{home}/Maildir" : "%h/Maildir"),
      },
      /^home\/Maildir\b/,
    ],
    [
      "in a directory that names the user",
      {
        ...{ ...MAILDIR, folder: "kept/jane", spool: 2 },
        dovecot: at("maildir", `/home/jane/kept/${release === "trixie" ? "%{user}" : "%u"}`),
      },
      /^home\/kept\/jane\b/,
    ],
    [
      "in /var/mail, where a directory that names the user is missing",
      { spool: 3, dovecot: at("maildir", `/home/${release === "trixie" ? "%{user}" : "%u"}/Mail`) },
      /^home\/mail\b/,
    ],
  ];
  describe(`"auto" with the Dovecot of Debian ${release} opens mail`, { skip, concurrency: 3 }, () => {
    for (const [title, options, kind] of cases) {
      test(title, async () => {
        await using host = await startMailHost(release, options);
        const before = host.files();
        assertWritable(await open(host), 3);
        for (const name of host.files().filter((one) => !before.includes(one))) assert.match(name, kind);
      });
    }

    test("nowhere, and makes nothing, where Dovecot is to find it and none has come yet", async () => {
      await using host = await startMailHost(release, { dovecot: nowhere(release) });
      assert.match((await reason(host)).said, /^no \/var\/mail\/jane is on the server, and jane may not/);
      assert.deepEqual(host.files(), []);
    });
  });
}
