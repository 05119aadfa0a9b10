import assert from "node:assert/strict";
import { describe, test } from "node:test";
import {
  type MailHostOptions,
  RELEASES,
  type Release,
  skipWithoutMailHosts,
  startMailHost,
} from "../../peers/mail_host.ts";
import { assertWritable, check, open, reason } from "./host_call.ts";

const skip = skipWithoutMailHosts();

/** Maildir by the configuration, as each Dovecot has it. */
const MAILDIR: Readonly<Record<Release, string>> = {
  bookworm: "mail_location = maildir:~/Maildir:LAYOUT=fs\n",
  trixie:
    "mail_driver = maildir\nmail_path = ~/Maildir\nmail_inbox_path = ~/Maildir\nmailbox_list_layout = fs\n",
};

/** Where mail(1) and UW's imapd put what has been read. */
const MBOX: MailHostOptions["files"] = {
  mbox: ["From joe@isp.com Mon Jan  1 12:00:00 2024\nFrom: joe@isp.com\nSubject: Letter\n\nHello.\n", 0o600],
};

for (const release of RELEASES) {
  describe(`"auto" with the Dovecot of Debian ${release}`, { skip, concurrency: 3 }, () => {
    const found: readonly (readonly [title: string, options: MailHostOptions, messages: number])[] = [
      ["mail in /var/mail", { spool: 2 }, 2],
      ["an empty mailbox in /var/mail", { spool: 0 }, 0],
      ["a Maildir, and nothing in /var/mail", { maildir: 3 }, 3],
      ["a Maildir, and an empty mailbox in /var/mail", { spool: 0, maildir: 3 }, 3],
      ["mail in /var/mail, and a Maildir that is not in its configuration", { spool: 2, maildir: 3 }, 2],
      [
        "mail in /var/mail, where the Maildir of its configuration is missing",
        { spool: 2, dovecot: MAILDIR[release] },
        2,
      ],
      [
        "mail in ~/mbox, where the Maildir of its configuration is missing",
        { files: MBOX, dovecot: MAILDIR[release] },
        1,
      ],
      ["mail in ~/mbox, and nothing in /var/mail", { files: MBOX }, 1],
      ["a Maildir by its configuration", { maildir: 3, spool: 2, dovecot: MAILDIR[release] }, 3],
    ];
    for (const [title, options, messages] of found) {
      test(`opens ${title}, for reading and writing, and makes no folder of another kind`, async () => {
        await using host = await startMailHost(release, options);
        const before = host.files();
        assertWritable(await open(host), messages);
        const made = host.files().filter((name) => !before.includes(name));
        const isMaildir = before.some((name) => name.startsWith("home/Maildir"));
        const kind = isMaildir ? /^home\/(Maildir|mail)\b/ : /^home\/mail\b/;
        for (const name of made) assert.match(name, kind);
        if (messages === 3)
          assert.deepEqual(
            made.filter((name) => name.startsWith("home/mail")),
            [],
          );
      });
    }

    test("makes nothing where no mail has come yet, and says so", async () => {
      await using host = await startMailHost(release);
      assert.equal(
        (await reason(host)).said,
        "no /var/mail/jane is on the server, and jane may not make it: ask the administrator for it, " +
          "or have commands.imap in hosts.toml name the place of the mail",
      );
      assert.deepEqual(host.files(), []);
    });

    for (const options of [{ maildir: 3 }, { spool: 3 }] as const) {
      test(`opens ${Object.keys(options)} also where the user lives elsewhere than in /home`, async () => {
        await using host = await startMailHost(release, { ...options, home: "/srv/jane" });
        assertWritable(await open(host), 3);
      });
    }

    test("says so where the mailbox in /var/mail may only be read", async () => {
      await using host = await startMailHost(release, { spool: 2, spoolMode: 0o440 });
      const { status, text } = await check(host);
      assert.equal(status, 78);
      assert.match(text, /the server says: jane may not write \/var\/mail\/jane: it can only be read$/m);
      assert.match(text, /OK \[READ-ONLY\]/);
    });

    test("makes the Maildir of its configuration, as Dovecot does", async () => {
      await using host = await startMailHost(release, { dovecot: MAILDIR[release] });
      assertWritable(await open(host), 0);
    });
  });
}
