import assert from "node:assert/strict";
import { describe, test } from "node:test";
import {
  type MailHostOptions,
  RELEASES,
  type Release,
  skipWithoutMailHosts,
  startMailHost,
} from "../../peers/mail_host.ts";
import { check } from "./host_call.ts";

const skip = skipWithoutMailHosts();

/** A line of one's own that has Dovecot make a Maildir, which no mail is delivered to. */
const ELSEWHERE: Readonly<Record<Release, string>> = {
  bookworm: "exec /usr/lib/dovecot/imap -o mail_location=maildir:~/New",
  trixie:
    "exec doveadm exec imap -o mail_driver=maildir -o mail_path=/home/jane/New -o mail_inbox_path=/home/jane/New",
};

const MAILDIR: Readonly<Record<Release, string>> = {
  bookworm: "mail_location = maildir:~/Maildir\n",
  trixie: "mail_driver = maildir\nmail_path = ~/Maildir\nmail_inbox_path = ~/Maildir\n",
};

/** Where "auto" does not look for mail, and --check does. */
const INBOX: MailHostOptions["files"] = {
  "mail/inbox": ["From joe@isp.com Mon Jan  1 12:00:00 2024\nSubject: Letter\n\nHello.\n\n".repeat(3), 0o600],
};

/** The lines for the table that the hints have. */
function linesOf(stderr: string): readonly string[] {
  return [...stderr.matchAll(/^preauth: hint: .*?commands\.imap = (".*")$/gm)].map(([, line = ""]) =>
    JSON.parse(line),
  );
}

for (const release of RELEASES) {
  describe(`--check of an INBOX that is empty, in Debian ${release}`, { skip, concurrency: 3 }, () => {
    const wrong: readonly (readonly [
      title: string,
      options: MailHostOptions,
      line: string,
      hints: number,
    ])[] = [
      ["a Maildir", { maildir: 3 }, ELSEWHERE[release], 2],
      ["a mailbox in /var/mail", { spool: 3 }, ELSEWHERE[release], 2],
      ['~/mail/inbox, by "auto"', { files: INBOX, dovecot: MAILDIR[release] }, "auto", 1],
    ];
    for (const [title, options, line, count] of wrong) {
      test(`does not say yes where it has just been made, beside ${title}, and leads to that`, async () => {
        await using host = await startMailHost(release, options);
        const { status, text, stderr } = await check(host, { "commands.imap": line });
        assert.equal(status, 78, text);
        assert.match(
          stderr,
          /^preauth: mail\.test: INBOX is new and empty, while \/\S+\/(jane|Maildir|inbox) has 3$/m,
        );
        const lines = linesOf(stderr);
        assert.equal(lines.length, count, stderr);
        for (const mended of lines) {
          const again = await check(host, { "commands.imap": mended });
          assert.match(again.text, /OK \[READ-WRITE\].*\(3 messages\)/, mended);
          assert.equal(again.status, 0);
        }
      });
    }

    test("says yes where it is new and there is no other mail, with a note", async () => {
      await using host = await startMailHost(release, { dovecot: MAILDIR[release] });
      const { status, text } = await check(host);
      assert.match(text, /^note: INBOX is new, and no mail was found elsewhere$/m);
      assert.equal(status, 0);
    });

    test("says yes where it was there before, with a note about other mail", async () => {
      const read = "From joe@isp.com Mon Jan  1 12:00:00 2024\nSubject: Read\n\nHello.\n";
      await using host = await startMailHost(release, {
        maildir: 0,
        dovecot: MAILDIR[release],
        files: {
          mbox: [read, 0o600],
          "Maildir/dovecot-uidlist": ["3 V1700000000 N1 G0123456789abcdef0123456789abcdef\n", 0o600],
        },
      });
      const { status, text } = await check(host);
      assert.match(text, /^note: INBOX is empty, while \/home\/jane\/mbox has 1$/m);
      assert.equal(status, 0);
    });
  });
}
