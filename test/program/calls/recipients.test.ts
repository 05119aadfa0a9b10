import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { describeForms } from "../../peers/binaries.ts";
import { runCall, startCall } from "../../peers/call.ts";
import { type Home, makeHome, tableFor } from "../../peers/home.ts";
import { type Sshd, startSshd } from "../../peers/sshd.ts";
import { poll } from "../../peers/waiting.ts";

let sshd: Sshd;
before(async () => {
  sshd = await startSshd();
});
after(() => sshd.stop());

/** A home whose table has a sendmail that keeps what it is started with and what it gets. */
function sendmailHome(): Home {
  const home = makeHome();
  const kept = join(home.path, "sent");
  const program = home.write("sendmail", `#!/bin/sh\necho "$#" "$@" > ${kept}.words\ncat > ${kept}\n`, 0o755);
  home.writeTable(tableFor(sshd, { "commands.sendmail": `exec ${program} -t -oi` }));
  return home;
}

const sent = (home: Home): string => readFileSync(join(home.path, "sent"), "latin1");

describeForms("a call that names recipients", { concurrency: 3 }, (form) => {
  const argv = [...form.argv, "mail.test", "jane", "sendmail", "--"];

  test("hands on the message byte for byte, and none of the recipients", async () => {
    const header = 'To: "Doe, Joe" <joe@isp.com>,\r\n\tann@isp.com\r\nBcc: carl@isp.com\r\n\r\n';
    // More than is looked at, and more than a pipe holds.
    const input = `${header}${"\u0000\u00ff a line\n".repeat(50_000)}.\nTo the end`;
    for (const stdio of ["alpine", "pipes"] as const) {
      using home = sendmailHome();
      const words = [...argv, "JOE@isp.com", "ann@isp.com", "carl@isp.com"];
      const { status, output } = await runCall(words, { env: home.env, stdio, input });
      assert.deepEqual([status, output.toString()], [0, ""]);
      assert.equal(sent(home) === Buffer.from(input).toString("latin1"), true, "the message");
      assert.equal(readFileSync(join(home.path, "sent.words"), "utf8"), "2 -t -oi\n");
    }
  });

  test("takes what Debian's cron says, and its message", async () => {
    using home = sendmailHome();
    const input = "From: root (Cron Daemon)\nTo: root\nSubject: Cron <root@work> true\n\nIt works.\n";
    const words = [...argv.slice(0, -1), "-i", "-FCronDaemon", "-B8BITMIME", "-oem", "root"];
    const { status, stderr } = await runCall(words, { env: home.env, stdio: "pipes", input });
    assert.deepEqual([status, stderr, sent(home)], [0, "", input]);
  });

  test("takes a message that comes in pieces, or is nothing but a header", async () => {
    for (const pieces of [
      ["To: jo", "e@isp.com\r", "\n\r", "\nhi"],
      ["To: joe", "@isp.com"],
    ]) {
      using home = sendmailHome();
      await using call = await startCall([...argv, "joe@isp.com"], { env: home.env, stdio: "pipes" });
      for (const piece of pieces) call.stdin.write(piece);
      call.end();
      assert.equal((await call.finished()).status, 0);
      assert.equal(sent(home), pieces.join(""));
    }
  });

  test("starts nothing when the header does not name one of them: 64, and says which", async () => {
    await using unused = await startSshd();
    using home = makeHome();
    home.writeTable(tableFor(unused, { "commands.sendmail": "exec false" }));
    const input = "From: ann@isp.com\nTo: joe@isp.com, joann@isp.com\n\nBcc: ann@isp.com\n";
    const words = [...argv, "joe@isp.com", "ann@isp.com", "carl@isp.com"];
    const { status, output, stderr } = await runCall(words, { env: home.env, stdio: "pipes", input });
    const line = 'message: no To, Cc or Bcc names "ann@isp.com"; nothing has been sent';
    assert.deepEqual([status, output.toString(), stderr], [64, "", `preauth: ${line}\n`]);
    assert.equal(unused.connections(), 0);
    assert.ok(home.log().includes(`${line}\n`), home.log());
    assert.match(home.log(), /hint: .*in mutt: set write_bcc$/m);

    const merged = await runCall(words, { env: home.env, input });
    assert.deepEqual([merged.status, merged.output.toString()], [64, ""]);
    const person = await runCall(words, { env: home.env, stdio: "terminal", input: `${input}\x04` });
    assert.match(person.output.toString(), /^preauth: hint: .*in mutt: set write_bcc\r$/m);
  });

  test("ends with its deadline, or at a signal, when no header comes", async () => {
    using home = sendmailHome();
    home.writeTable(tableFor(sshd, { command: "cat", deadline: "1s" }));
    await using silent = await startCall([...argv, "joe@isp.com"], { env: home.env, stdio: "pipes" });
    silent.write("To: joe@isp.com\n");
    const late = await silent.finished();
    const line = "preauth: mail.test: timed out reading the header of the message after 1 s\n";
    assert.deepEqual([late.status, late.stderr], [69, line]);

    home.writeTable(tableFor(sshd, { command: "cat" }));
    await using stopped = await startCall([...argv, "joe@isp.com"], { env: home.env, stdio: "pipes" });
    // It listens for SIGHUP from just before it reads on.
    const status = () => readFileSync(`/proc/${stopped.pid}/status`, "latin1");
    await poll(() => /^SigCgt:.*[13579bdf]$/m.test(status()), "a handler of SIGHUP", status);
    stopped.write("To: joe@isp.com\n");
    stopped.signal("SIGHUP");
    assert.equal((await stopped.finished(2000)).status, 129);
  });

  test("of a header that is too long is refused", async () => {
    using home = sendmailHome();
    const input = `To: joe@isp.com\n${`X: ${"x".repeat(70)}\n`.repeat(1000)}`;
    const { status, stderr } = await runCall([...argv, "joe@isp.com"], {
      env: home.env,
      stdio: "pipes",
      input,
    });
    const line = "preauth: message: its header is longer than 64 KiB; nothing has been sent\n";
    assert.deepEqual([status, stderr], [64, line]);
  });

  test("for a server that is not in the table leaves the message alone", async () => {
    using home = sendmailHome();
    const words = [...form.argv, "elsewhere", "jane", "sendmail", "--", "joe@isp.com"];
    const { status } = await runCall(words, { env: home.env, stdio: "pipes" });
    assert.equal(status, 1);
  });
});

describeForms("the sender of an envelope", { concurrency: 3 }, (form) => {
  const argv = [...form.argv, "mail.test", "jane", "sendmail"];
  const input = "To: joe@isp.com\n\nhi\n";
  const words = (home: Home): string => readFileSync(join(home.path, "sent.words"), "utf8");
  const SENDER = "SRS0=a/b~c#1%2+x@lists.isp.com";
  const shells = { sh: "/bin/sh", csh: "/usr/bin/tcsh", fish: "/usr/bin/fish" };

  for (const [name, shell] of Object.entries(shells)) {
    for (const share of name === "sh" ? [false, true] : [false]) {
      test(`goes along with the table's line, for ${name}, ${share ? "shared" : "alone"}`, async () => {
        await using other = await startSshd({ shell });
        using home = makeHome();
        const kept = join(home.path, "sent");
        const program = home.write(
          "sendmail",
          `#!/bin/sh\necho "$#" "$@" > ${kept}.words\ncat > ${kept}\n`,
          0o755,
        );
        home.writeTable(tableFor(other, { "commands.sendmail": `exec ${program} -t -oi`, share }));
        for (const [own, expected] of [
          [["-i", "-f", SENDER, "-oem", "-t", "-B8BITMIME", "--", "joe@isp.com"], `4 -t -oi -f ${SENDER}`],
          [["-f", "", "joe@isp.com"], "4 -t -oi -f <>"],
          [["-t"], "2 -t -oi"],
        ] as const) {
          const { status, stderr } = await runCall([...argv, ...own], {
            env: home.env,
            stdio: "pipes",
            input,
          });
          assert.deepEqual([status, stderr, words(home)], [0, "", `${expected}\n`]);
          assert.equal(sent(home), input);
        }
      });
    }
  }

  test("stays the table's where its line has one", async () => {
    using home = sendmailHome();
    const program = join(home.path, "sendmail");
    home.writeTable(tableFor(sshd, { "commands.sendmail": `exec ${program} -f me@isp.com -t` }));
    const { status } = await runCall([...argv, "-f", "you@isp.com"], {
      env: home.env,
      stdio: "pipes",
      input,
    });
    assert.deepEqual([status, words(home)], [0, "3 -f me@isp.com -t\n"]);
  });
});
