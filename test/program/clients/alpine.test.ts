import assert from "node:assert/strict";
import { test } from "node:test";
import { openAlpine, rshPath, THREE_WORDS } from "../../peers/alpine.ts";
import { describeForms, type Form } from "../../peers/binaries.ts";
import { makeMailbox } from "../../peers/dovecot.ts";
import { hostTable, makeHome, tableFor } from "../../peers/home.ts";
import { startSshd } from "../../peers/sshd.ts";
import { IMAP_PORT, timeOf, trace } from "../../peers/strace.ts";
import { refusingPort } from "../../peers/tcp.ts";

/*
 * Servers are called "localhost" where Alpine could connect directly: it does so only for a name that resolves.
 * What that resolves to is written as getaddrinfo's canonical name, so those tables match everything.
 */
const INBOX = "{localhost/user=jane}INBOX";
const TIMEOUT = { timeout: 60_000 };

const RSH_COMMANDS = [
  { title: "three words", lines: { rshCommand: THREE_WORDS } },
  { title: "Alpine's own rsh-command", lines: {} },
];

function opensMailbox(form: Form, title: string, lines: { readonly rshCommand?: string }): void {
  test(`opens INBOX, a message and a second folder, with ${title}`, TIMEOUT, async () => {
    using home = makeHome();
    using mailbox = makeMailbox();
    await using sshd = await startSshd();
    home.writeTable(tableFor(sshd, { match: "work", "commands.imap": mailbox.command }));
    const folder = { inbox: "{work/user=jane}INBOX", folders: "Mail {work/user=jane}[]" };
    await using alpine = await openAlpine(home, { rshPath: rshPath(home, form.argv), ...folder, ...lines });

    await alpine.waitFor(/Minutes of the meeting/, "the list of messages");
    alpine.keys("Enter");
    await alpine.waitFor(/came through an SSH connection/, "the text of the first message");
    alpine.keys("<");
    await alpine.waitFor(/MESSAGE INDEX/, "the list again");
    alpine.keys("g");
    await alpine.waitFor(/GOTO folder/i, "the question for the folder");
    alpine.type("Archive");
    alpine.keys("Enter");
    await alpine.waitFor(/Winter tyres/, "the messages of the second folder");
    alpine.keys("q");
    assert.equal(await alpine.ended(), 0);
    await sshd.idle();
  });
}

describeForms("Alpine", (form) => {
  for (const { title, lines } of RSH_COMMANDS) opensMailbox(form, title, lines);

  test("connects directly at once when the server is not in the table", TIMEOUT, async () => {
    using home = makeHome();
    home.writeTable(hostTable({ match: "mail.test" }));
    const calls = trace(home, ["connect", "execve"]);
    const path = rshPath(home, form.argv);
    await using alpine = await openAlpine(
      home,
      { rshPath: path, rshCommand: THREE_WORDS, inbox: INBOX },
      calls,
    );
    const direct = await calls.seen(IMAP_PORT);
    const asked = await calls.seen(new RegExp(`execve\\("${path}"`));
    assert.ok(timeOf(direct) - timeOf(asked) < 5, `asked: ${asked}, direct: ${direct}`);
    alpine.keys("q");
  });

  test("shows why a server of the table is refused, and connects to nothing itself", TIMEOUT, async () => {
    using home = makeHome();
    await using sshd = await startSshd();
    home.writeTable(tableFor(sshd, { match: "*", known_hosts: sshd.knownHostsFile("wrong") }));
    const calls = trace(home, ["connect"]);
    const lines = { rshPath: rshPath(home, form.argv), rshCommand: THREE_WORDS, inbox: INBOX };
    await using alpine = await openAlpine(home, lines, { under: calls.under, columns: 200 });
    await alpine.waitFor(/preauth: \S+: host key/, "the reason");
    alpine.keys("q");
    assert.equal(await alpine.ended(), 0);
    assert.deepEqual(
      calls.lines().filter((line) => IMAP_PORT.test(line)),
      [],
    );
    assert.equal(sshd.connections(), 1);
    assert.equal(sshd.logins(), 0);
  });

  test('shows the reason and connects directly with on_failure = "tell"', TIMEOUT, async () => {
    using home = makeHome();
    const server = { server: "127.0.0.1", port: await refusingPort(), ssh_config: "none" };
    home.writeTable(hostTable({ match: "*", ...server, on_failure: "tell" }));
    const calls = trace(home, ["connect"]);
    const lines = { rshPath: rshPath(home, form.argv), rshCommand: THREE_WORDS, inbox: INBOX };
    await using alpine = await openAlpine(home, lines, { under: calls.under, columns: 200 });
    await alpine.waitFor(/preauth: \S+: .*refused/, "the reason");
    await calls.seen(IMAP_PORT);
    alpine.keys("q");
  });

  for (const inbox of ['{--table=evil.toml/user="work jane"}INBOX', "{--login/user=work}INBOX"]) {
    test(`${inbox} makes nothing run and nothing read`, TIMEOUT, async () => {
      using home = makeHome();
      await using sshd = await startSshd();
      const table = tableFor(sshd, { match: "*", "commands.imap": `touch ${sshd.home}/harm` });
      home.writeTable(table);
      home.write("evil.toml", table);
      const calls = trace(home, ["connect", "execve", "open", "openat"]);
      const path = rshPath(home, form.argv);
      await using alpine = await openAlpine(home, { rshPath: path, rshCommand: THREE_WORDS, inbox }, calls);
      const word = inbox.slice(1, inbox.indexOf("/"));
      await calls.seen(
        new RegExp(`execve\\("${path}", \\["[^"]*preauth", "${word}", "work", ("jane", )?"imap"\\]`),
      );
      await alpine.waitFor(/MAIN MENU|No folder opened|MESSAGE INDEX/, "Alpine to go on");
      alpine.keys("q");
      assert.equal(await alpine.ended(), 0);
      assert.equal(sshd.connections(), 0);
      assert.deepEqual(
        calls.lines().filter((line) => line.includes("evil.toml") && line.includes("open")),
        [],
      );
    });
  }
});
