import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { describeForms } from "../../peers/binaries.ts";
import { runCall, startCall } from "../../peers/call.ts";
import { makeMailbox } from "../../peers/dovecot.ts";
import { makeHome, tableFor } from "../../peers/home.ts";
import { type Sshd, startSshd } from "../../peers/sshd.ts";
import { trace } from "../../peers/strace.ts";
import { GREETING, saying } from "./client.ts";

/** Everything that follows SERVER in a mail call. USER is who runs sshd, so that the call's own USER logs in. */
function forms(user: string): readonly (readonly string[])[] {
  return [
    [user, "imap"],
    ["-l", user, "exec", "/etc/rimapd"],
    ["-l", user, "/etc/rimapd"],
    ["-q", "-l", user, "exec", "/etc/rimapd"],
    ["-q", "-a", "-x", "-T", "-l", user, "exec", "/etc/rimapd"],
    ["-T", "-x", "-l", user, "/etc/rimapd"],
  ];
}

/** The names under which a mail program may ask for one server: each is a name of its own in the table. */
const LISTED = ["imap.mail.test", "mail", "192.0.2.7", "2001:db8::7", "[2001:db8::8]"];

/** The same, as they may be spelled. */
const SPELLINGS = [...LISTED, "IMAP.Mail.TEST", "imap.mail.test.", "MAIL.", "2001:DB8::7", "[2001:DB8::8]"];

let sshd: Sshd;
before(async () => {
  sshd = await startSshd();
});
after(() => sshd.stop());

describeForms("both forms of a mail call", { concurrency: 3 }, (form) => {
  test("open the mailbox, as the USER of the call, with the command of the table", async () => {
    using home = makeHome();
    using mailbox = makeMailbox();
    home.writeTable(tableFor(sshd, { user: undefined, "commands.imap": mailbox.command }));
    for (const words of forms(sshd.user)) {
      await using call = await startCall([...form.argv, "mail.test", ...words], { env: home.env });
      await call.readUntil(/^\* PREAUTH [^\r\n]*\r\n/);
      call.write("A1 SELECT INBOX\r\n");
      await call.readUntil(/^\* 3 EXISTS\r\n[\s\S]*^A1 OK /m);
      call.write("A2 LOGOUT\r\n");
      const { status, output } = await call.finished();
      assert.match(output.toString("latin1"), /\* BYE [^\r\n]*\r\nA2 OK [^\r\n]*\r\n$/);
      assert.equal(status, 0, words.join(" "));
    }
  });

  test("name the USER who is to log in, and no other", async () => {
    using home = makeHome();
    home.writeTable(tableFor(sshd, { user: undefined, "commands.imap": saying(home, GREETING) }));
    for (const words of [forms("nobody-here")[0] ?? [], forms("nobody-here")[1] ?? []]) {
      const options = { env: home.env, stdio: "socketpair", input: "A1 NOOP\r\n" } as const;
      const { status, stderr } = await runCall([...form.argv, "mail.test", ...words], options);
      assert.equal(status, 77);
      assert.match(stderr, /^preauth: mail\.test: nobody-here not let in /);
    }
  });

  test("give way to the user of the table", async () => {
    using home = makeHome();
    home.writeTable(tableFor(sshd, { "commands.imap": saying(home, GREETING) }));
    const options = { env: home.env, input: "A1 NOOP\r\n" };
    const { status, output } = await runCall([...form.argv, "mail.test", "nobody-here", "imap"], options);
    assert.deepEqual([status, output.toString("latin1")], [0, `${GREETING}A1 NOOP\r\n`]);
  });

  for (const server of SPELLINGS) {
    test(`find the rule that lists it under "${server}"`, async () => {
      using home = makeHome();
      const listed = { match: LISTED, "commands.imap": saying(home, GREETING) };
      home.writeTable(tableFor(sshd, { match: "*.else" }) + tableFor(sshd, listed));
      const { status, output } = await runCall([...form.argv, server, "jane", "imap"], {
        env: home.env,
        input: "A1 NOOP\r\n",
      });
      assert.deepEqual([status, output.toString("latin1")], [0, `${GREETING}A1 NOOP\r\n`]);
    });
  }

  test("ask no name server for a SERVER whose rule leads to an address", async () => {
    using home = makeHome();
    home.writeTable(tableFor(sshd, { "commands.imap": saying(home, GREETING) }));
    const calls = trace(home, ["connect"]);
    const options = { env: home.env, under: calls.under, input: "A1 NOOP\r\n" };
    assert.equal((await runCall([...form.argv, "mail.test", "jane", "imap"], options)).status, 0);
    const inet = calls.lines().filter((line) => /connect\(.*AF_INET/.test(line));
    assert.deepEqual(inet.length, 1);
    assert.match(inet[0] ?? "", new RegExp(`htons\\(${sshd.port}\\).*"127\\.0\\.0\\.1"`));
  });
});
