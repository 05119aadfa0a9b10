import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { describeForms } from "../../peers/binaries.ts";
import { makeMailbox } from "../../peers/dovecot.ts";
import { makeHome, tableFor } from "../../peers/home.ts";
import { startSshd } from "../../peers/sshd.ts";
import { startMail } from "./mail_call.ts";
import { GREET, GREETING, MIB } from "./stream.ts";

/** Words in front of a program that give it other descriptors. */
function redirected(redirection: string): string[] {
  return ["sh", "-c", `exec "$@" ${redirection}`, "sh"];
}

describeForms("a whole session", (form) => {
  for (const stdio of ["alpine", "pipes", "socketpair", "devnull", "closed-stderr"] as const) {
    test(`with Dovecot, ${stdio}`, async () => {
      using home = makeHome();
      using mailbox = makeMailbox({ large: 1 });
      await using sshd = await startSshd();
      home.writeTable(tableFor(sshd, { "commands.imap": mailbox.command }));
      await using call = await startMail(form, home, { stdio });
      await call.readUntil(/^\* PREAUTH \[CAPABILITY [^\r\n]*\r\n/);
      call.write("a1 SELECT INBOX\r\n");
      await call.readUntil(/^a1 OK /m);
      call.write(`a2 FETCH ${mailbox.subjects.length} BODY.PEEK[TEXT]\r\n`);
      await call.readUntil(/^a2 OK /m);
      call.write("a3 LOGOUT\r\n");
      const { output, status, stderr } = await call.finished();
      const text = output.toString("latin1");
      const [, literal] = /BODY\[TEXT\] \{(\d+)\}\r\n/.exec(text) ?? [];
      assert.ok(Number(literal) > MIB);
      assert.equal(text.match(/^(0123456789){6}abcdefghijklmno\r$/gm)?.length, Math.ceil(MIB / 76));
      assert.match(text, /\* BYE [^\r\n]*\r\na3 OK [^\r\n]*\r\n$/);
      assert.equal(stderr, "");
      assert.equal(status, 0);
    });
  }

  test("on a terminal, by hand, where remote standard error is seen, escaped", async () => {
    using home = makeHome();
    await using sshd = await startSshd();
    const line = `printf 'a \\033[31mred\\033[0m word\\n' >&2; ${GREET}; read line; printf '* BYE\\r\\n'`;
    home.writeTable(tableFor(sshd, { "commands.imap": line }));
    await using call = await startMail(form, home, { stdio: "terminal" });
    await call.readUntil(/PREAUTH ready/);
    await call.readUntil(/a \\e\[31mred\\e\[0m word/);
    call.write("a1 LOGOUT\n");
    const { output, status } = await call.finished();
    assert.ok(!output.includes(0x1b), "an escape came through");
    assert.match(output.toString(), /\* BYE/);
    assert.equal(status, 0);
  });

  for (const method of ["imap", "pop3"]) {
    test(`with files as standard input and output, ${method}`, async () => {
      using home = makeHome();
      await using sshd = await startSshd();
      home.writeTable(tableFor(sshd, { command: `${GREET}; cat; exit 7` }));
      const input = home.write("input", "a1 NOOP\r\n".repeat(20_000));
      const output = home.write("output", "");
      await using call = await startMail(form, home, { method, under: redirected(`<${input} >${output}`) });
      assert.deepEqual(await call.exited(), { status: 7, signal: null });
      assert.equal(readFileSync(output, "latin1"), GREETING + "a1 NOOP\r\n".repeat(20_000));
    });
  }

  for (const [title, redirection] of [
    ["is /dev/null", "</dev/null"],
    ["is closed", "<&-"],
  ] as const) {
    test(`without input, since fd 0 ${title}, is a hang-up for imap and none for another METHOD`, async () => {
      using home = makeHome();
      await using sshd = await startSshd();
      home.writeTable(tableFor(sshd, { command: `${GREET}; cat; exit 7` }));
      const under = redirected(redirection);
      await using imap = await startMail(form, home, { under });
      assert.equal((await imap.finished()).status, 69);
      assert.equal(imap.output.toString(), "");
      await using pop3 = await startMail(form, home, { method: "pop3", under });
      assert.equal((await pop3.finished()).status, 7);
      assert.equal(pop3.output.toString(), GREETING);
    });
  }

  test("with 4 MiB of remote standard error before and after the greeting, which is twice SSH's window", async () => {
    using home = makeHome();
    await using sshd = await startSshd();
    const noise = `perl -e 'print STDERR "x" x 4000, "\\n" for 1 .. 1049'`;
    home.writeTable(tableFor(sshd, { "commands.imap": `${noise}; ${GREET}; ${noise}; exec cat` }));
    await using call = await startMail(form, home);
    await call.readUntil(/PREAUTH/);
    call.write("a1 NOOP\r\n");
    call.end();
    const { output, status } = await call.finished();
    assert.equal(output.toString(), "* PREAUTH ready\r\na1 NOOP\r\n");
    assert.equal(status, 0);
  });
});
