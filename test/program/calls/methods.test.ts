import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { describeForms } from "../../peers/binaries.ts";
import { runCall, startCall } from "../../peers/call.ts";
import { makeHome, tableFor } from "../../peers/home.ts";
import { type Sshd, startSshd } from "../../peers/sshd.ts";
import { refusingPort } from "../../peers/tcp.ts";

let sshd: Sshd;
before(async () => {
  sshd = await startSshd();
});
after(() => sshd.stop());

describeForms("a METHOD other than imap", { concurrency: 3 }, (form) => {
  const argv = [...form.argv, "mail.test", "jane", "smtp"];

  test("has its bytes flow from the start, without a guard", async () => {
    using home = makeHome();
    const said = "noise\\n* OK not imap\\n\\000\\377220 mail.test\\r\\n";
    home.writeTable(tableFor(sshd, { "commands.pop3": `/usr/bin/printf '${said}'; exec cat` }));
    const words = [...form.argv, "mail.test", "jane", "pop3"];
    const { status, output } = await runCall(words, { env: home.env, input: "EHLO me\r\nQUIT\r\n" });
    const expected = "noise\n* OK not imap\n\0\xff220 mail.test\r\nEHLO me\r\nQUIT\r\n";
    assert.deepEqual([status, output.toString("latin1")], [0, expected]);
    assert.doesNotMatch(home.log(), /noise/);
  });

  test("is not over when its client has said all, but when its server has", async () => {
    using home = makeHome();
    home.writeTable(tableFor(sshd, { "commands.smtp": "cat > /dev/null; sleep 0.1; printf '250 queued'" }));
    // No byte at all, and end-of-file at once: for METHOD imap this would be a client that has gone.
    const { status, output } = await runCall(argv, { env: home.env });
    assert.deepEqual([status, output.toString()], [0, "250 queued"]);
  });

  test("runs the command for any METHOD where it has none of its own", async () => {
    using home = makeHome();
    const keys = { command: "echo r{method}d {method} {other}", "commands.nntp": "echo news" };
    home.writeTable(tableFor(sshd, keys));
    for (const [method, said] of [
      ["pop3", "rpop3d pop3 {other}\n"],
      ["x-9", "rx-9d x-9 {other}\n"],
      ["nntp", "news\n"],
    ]) {
      const words = [...form.argv, "mail.test", "-l", "jane", "exec", `/etc/r${method}d`];
      const { status, output } = await runCall(words, { env: home.env });
      assert.deepEqual([status, output.toString()], [0, said]);
    }
  });

  const ends: readonly (readonly [command: string, status: number, end: string])[] = [
    ["printf 220; exit 3", 3, "with status 3"],
    ["printf 220; echo 'queue full' >&2; exit 75", 75, 'with status 75: "queue full"'],
    ["printf 220; exec /nowhere/sendmail 2>/dev/null", 127, "with status 127"],
    ["printf 220; kill -TERM $$", 143, "by SIGTERM"],
    ["printf 220; kill -HUP $$", 129, "by SIGHUP"],
  ];
  for (const [command, status, end] of ends) {
    test(`ends as its command does, ${end}, with a line where somebody reads it`, async () => {
      using home = makeHome();
      home.writeTable(tableFor(sshd, { "commands.smtp": command }));
      const merged = await runCall(argv, { env: home.env });
      assert.deepEqual([merged.status, merged.output.toString()], [status, "220"]);
      const separate = await runCall(argv, { env: home.env, stdio: "pipes" });
      assert.deepEqual([separate.status, separate.output.toString()], [status, "220"]);
      assert.equal(separate.stderr, `preauth: mail.test: smtp ended ${end}\n`);
    });
  }

  test("loses its connection with 255 and a line", async () => {
    using home = makeHome();
    home.writeTable(tableFor(sshd, { "commands.smtp": "echo 220; head -n 1; kill -KILL $PPID; exec cat" }));
    for (const stdio of ["alpine", "pipes"] as const) {
      await using call = await startCall(argv, { env: home.env, stdio });
      await call.readUntil(/^220\n$/);
      call.write("QUIT\n");
      const { status, output, stderr } = await call.finished();
      assert.equal(status, 255);
      // Its answer may be lost with the connection.
      assert.match(output.toString(), /^220\n(QUIT\n)?$/);
      assert.match(stderr, stdio === "alpine" ? /^$/ : /^preauth: mail\.test: connection lost.*\n$/);
    }
  });

  for (const on_failure of ["refuse", "tell", "silent"]) {
    test(`holds no dialogue, with on_failure = "${on_failure}"`, async () => {
      using home = makeHome();
      home.writeTable(tableFor(sshd, { on_failure, port: await refusingPort(), command: "true" }));
      for (const stdio of ["alpine", "devnull", "closed-stderr"] as const) {
        const { status, output } = await runCall(argv, { env: home.env, stdio });
        assert.deepEqual([status, output.toString()], [69, ""], stdio);
      }
      const { status, output, stderr } = await runCall(argv, { env: home.env, stdio: "pipes" });
      assert.deepEqual([status, output.toString()], [69, ""]);
      assert.match(stderr, /^preauth: mail\.test: connection refused \(127\.0\.0\.1 port \d+\)\n$/);
    });
  }

  test("for which the table has no command is a failure of its own, without a connection: 69", async () => {
    using home = makeHome();
    await using unused = await startSshd();
    home.writeTable(tableFor(unused, { "commands.imap": "exec imapd" }));
    const merged = await runCall(argv, { env: home.env });
    assert.deepEqual([merged.status, merged.output.toString()], [69, ""]);
    const { status, stderr } = await runCall(argv, { env: home.env, stdio: "pipes" });
    const line = 'preauth: mail.test: the table has no command for METHOD "smtp"\n';
    assert.deepEqual([status, stderr], [69, line]);
    assert.ok(home.log().includes('the table has no command for METHOD "smtp"\n'));
    assert.equal(unused.connections(), 0);
  });

  test("shows on a terminal what its command says on standard error", async () => {
    using home = makeHome();
    home.writeTable(
      tableFor(sshd, { "commands.smtp": "echo 220 out; printf 'er\\033[1mror\\n' >&2; exit 3" }),
    );
    await using call = await startCall(argv, { env: home.env, stdio: "terminal" });
    const { status, output } = await call.finished();
    const lines = output.toString("latin1").split("\r\n").sort();
    const expected = [
      "",
      "220 out",
      "er\\e[1mror",
      'preauth: mail.test: smtp ended with status 3: "er\\e[1mror"',
    ];
    assert.deepEqual([status, lines], [3, expected]);
  });
});

/** What a shell prints in front of "220 mail.test", and the remarks that come of it. */
const NOISES: readonly (readonly [noise: string, ...remarks: string[]])[] = [
  [""],
  ["motd\n* OK not imap\n2026-11-26: no news\n", "motd", "* OK not imap", "2026-11-26: no news"],
  ["\x1b]0;jane@mail\x07", "\\e]0;jane@mail\\x07"],
  ["\0\x07\x1b(B\x1b=\x1bPdcs\x1b\\\u{feff}"],
  ["Welcome\r\n\x1b[0mreset\r\x1b[0m\r", "Welcome", "\\e[0mreset"],
];

describeForms("METHOD smtp", { concurrency: 3 }, (form) => {
  const argv = [...form.argv, "mail.test", "jane", "smtp"];
  for (const share of [false, true]) {
    const way = share ? "over a shared connection" : "over a connection of its own";

    test(`shows its client nothing in front of a line that begins with three digits, ${way}`, async () => {
      using home = makeHome();
      for (const [noise, ...remarks] of NOISES) {
        const file = home.write("said", `${noise}220-mail.test\nnot\n220 ready\r\n`);
        home.writeTable(tableFor(sshd, { "commands.smtp": `cat ${file}; exec cat`, share }));
        const { status, output } = await runCall(argv, { env: home.env, input: "EHLO me\r\n" });
        const expected = "220-mail.test\nnot\n220 ready\r\nEHLO me\r\n";
        assert.deepEqual([status, output.toString("latin1")], [0, expected], JSON.stringify(noise));
        for (const remark of remarks) assert.ok(home.log().includes(`said: ${remark}`), home.log());
      }
    });

    test(`is found behind a text without an end of line, by its number and SMTP, ${way}`, async () => {
      using home = makeHome();
      for (const [noise, greeting] of [
        ["hello ", "220 mail.test ESMTP Postfix\r\n"],
        ["at 220 Main St\n\x1b[32mhello\x1b[0m ", "220-mail.test ESMTP Exim 4.96\n220 ready\r\n"],
        ["in 220 days: ", "220 [127.0.0.1] (Python SMTP 1.4)\r\n"],
        ["hello", "554 mail.test No SMTP service here\r\n"],
      ] as const) {
        const file = home.write("said", noise + greeting);
        home.writeTable(tableFor(sshd, { "commands.smtp": `cat ${file}; exec cat`, share }));
        const { status, output } = await runCall(argv, { env: home.env, input: "QUIT\r\n" });
        assert.deepEqual([status, output.toString("latin1")], [0, `${greeting}QUIT\r\n`], noise);
        assert.ok(home.log().includes(`said: ${noise.split("\n")[0]?.trimEnd()}`), home.log());
      }
    });

    test(`that ends, or talks on, without such a line is a failure with its last words, ${way}`, async () => {
      using home = makeHome();
      for (const [command, status, reason] of [
        [
          "echo no mail today; exit 3",
          3,
          '"no mail today" (the remote command ended with status 3 before any greeting)',
        ],
        [
          "echo in 220 Main St",
          69,
          'the remote command ended with status 0 before any greeting: "in 220 Main St"',
        ],
        ["echo; printf hello", 69, 'the remote command ended with status 0 before any greeting: "hello"'],
        ["while :; do echo 0123456789abcde; done", 69, '64 KiB without a greeting: "0123456789abcde"'],
      ] as const) {
        home.writeTable(tableFor(sshd, { "commands.smtp": command, share }));
        const merged = await runCall(argv, { env: home.env });
        assert.deepEqual([merged.status, merged.output.toString()], [status, ""], command);
        assert.ok(home.log().includes(` mail.test: ${reason}\n`), home.log());
        const separate = await runCall(argv, { env: home.env, stdio: "pipes" });
        assert.deepEqual([separate.status, separate.stderr], [status, `preauth: mail.test: ${reason}\n`]);
      }
    });
  }
});
