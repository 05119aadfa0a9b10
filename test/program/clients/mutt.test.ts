import assert from "node:assert/strict";
import { test } from "node:test";
import { describeForms, type Form } from "../../peers/binaries.ts";
import { makeMailbox } from "../../peers/dovecot.ts";
import { makeHome, tableFor } from "../../peers/home.ts";
import { openMutt } from "../../peers/mutt.ts";
import { startSshd } from "../../peers/sshd.ts";
import { IMAP_PORT, trace } from "../../peers/strace.ts";

const TIMEOUT = { timeout: 60_000 };

function account(form: Form): { readonly tunnel: string; readonly inbox: string } {
  const tunnel = `${form.argv.map((word) => `'${word}'`).join(" ")} localhost jane imap`;
  return { tunnel, inbox: "imap://jane@localhost/INBOX" };
}

describeForms("mutt", (form) => {
  test("opens INBOX, a message and a second folder", TIMEOUT, async () => {
    using home = makeHome();
    using mailbox = makeMailbox();
    await using sshd = await startSshd();
    home.writeTable(tableFor(sshd, { match: "localhost", "commands.imap": mailbox.command }));
    await using mutt = await openMutt(home, account(form));

    await mutt.waitFor(/Minutes of the meeting/, "the list of messages");
    mutt.keys("Enter");
    await mutt.waitFor(/came through an SSH connection/, "the text of the first message");
    mutt.keys("q");
    await mutt.waitFor(/Minutes of the meeting/, "the list again");
    mutt.keys("c");
    await mutt.waitFor(/Open mailbox/, "the question for the folder");
    mutt.type("=Archive");
    mutt.keys("Enter");
    await mutt.waitFor(/Winter tyres/, "the messages of the second folder");
    mutt.keys("q");
    assert.equal(await mutt.ended(), 0);
    await sshd.idle();
  });

  for (const on_failure of ["refuse", "tell"]) {
    test(
      `shows why a server of the table is refused, with on_failure = "${on_failure}"`,
      TIMEOUT,
      async () => {
        using home = makeHome();
        await using sshd = await startSshd();
        const known_hosts = sshd.knownHostsFile("wrong");
        home.writeTable(tableFor(sshd, { match: "localhost", known_hosts, on_failure }));
        const calls = trace(home, ["connect"]);
        await using mutt = await openMutt(home, account(form), calls.under);
        await mutt.waitFor(/preauth: \S+: host key/, "the reason");
        mutt.keys("q");
        await mutt.ended();
        assert.deepEqual(
          calls.lines().filter((line) => IMAP_PORT.test(line)),
          [],
        );
        assert.equal(sshd.logins(), 0);
      },
    );
  }
});
