import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { type MailHostOptions, skipWithoutMailHosts, startMailHost } from "../../peers/mail_host.ts";
import { assertWritable, check, open } from "./host_call.ts";

const skip = skipWithoutMailHosts();

/** UW's imapd on PATH, where "auto" looks before it looks for Dovecot's. */
const start = (options: MailHostOptions) => startMailHost("bookworm", { path: "/opt/uw", ...options });

describe("UW's imapd", { skip, concurrency: 3 }, () => {
  test('is what "auto" finds, with mail in /var/mail, for reading and writing', async () => {
    await using host = await start({ spool: 2 });
    const before = host.files();
    const answers = await open(host);
    assert.match(answers, /^\* PREAUTH .*Panda IMAP/);
    assertWritable(answers, 2);
    assert.deepEqual(host.files(), before);
  });

  test("is told to open for reading alone where the mailbox may not be written", async () => {
    await using host = await start({ spool: 2, spoolMode: 0o440 });
    const { status, stderr } = await check(host);
    assert.match(stderr, /^preauth: mail\.test: INBOX can be read but not written: "OK \[READ-ONLY\] /);
    assert.equal(status, 78);
  });

  test("has an INBOX that is there in name alone where no mail has come yet, and makes nothing", async () => {
    await using host = await start({});
    const { status, text } = await check(host);
    assert.match(text, /^note: INBOX is new, and no mail was found elsewhere$/m);
    assert.equal(status, 0);
    assert.deepEqual(host.files(), []);
  });

  test("does not pass for the way to a Maildir, which it cannot open", async () => {
    await using host = await start({ maildir: 3 });
    const { status, stderr } = await check(host);
    assert.match(stderr, /^preauth: mail\.test: INBOX is new and empty, while \/home\/jane\/Maildir has 3$/m);
    assert.equal(status, 78);
  });
});
