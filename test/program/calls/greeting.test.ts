import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { describeForms, type Form } from "../../peers/binaries.ts";
import { type Finished, runCall } from "../../peers/call.ts";
import { makeMailbox } from "../../peers/dovecot.ts";
import { type Home, makeHome, tableFor } from "../../peers/home.ts";
import { type Sshd, type SshdOptions, startSshd } from "../../peers/sshd.ts";
import { poll } from "../../peers/waiting.ts";
import { converse, MAIL, refusal, saying } from "./client.ts";

let sshd: Sshd;
before(async () => {
  sshd = await startSshd();
});
after(() => sshd.stop());

/** A session in which the server says exactly these bytes first; the client sends `echoed` and ends its input. */
async function session(
  form: Form,
  home: Home,
  said: string | Buffer,
  echoed = "A1 NOOP\r\n",
): Promise<Finished> {
  home.writeTable(tableFor(sshd, { "commands.imap": saying(home, said) }));
  return await runCall([...form.argv, ...MAIL], { env: home.env, input: echoed });
}

/** What becomes of a server that says these bytes, for a client that would show the reason. */
async function refused(form: Form, home: Home, said: string): Promise<Finished> {
  home.writeTable(tableFor(sshd, { "commands.imap": saying(home, said) }));
  return await converse([...form.argv, ...MAIL], { env: home.env });
}

/** What start-up files print without a newline behind it, and how the log shows it. */
const UNENDED: Readonly<Record<string, string>> = {
  "\x1b]0;jane@mail: ~\x07": "\\e]0;jane@mail: ~\\x07",
  "\x1b]1337;RemoteHost=x@y\x07\x1b]1337;ShellIntegrationVersion=16\x07":
    "\\e]1337;RemoteHost=x@y\\x07\\e]1337;ShellIntegrationVersion=16\\x07",
  "Welcome. ": "Welcome. ",
  "motd\r": "motd",
  "* NO UNAUTHORIZED ACCESS *\n\x1b[0m": "* NO UNAUTHORIZED ACCESS *",
};

const EVERY_BYTE = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte));

describeForms("the greeting", { concurrency: 3 }, (form) => {
  test("is, byte for byte, the one that the imapd prints by itself", async () => {
    using home = makeHome();
    using mailbox = makeMailbox();
    const direct = await runCall(["sh", "-c", mailbox.command], { env: home.env, stdio: "pipes" });
    const [expected] = /^\* PREAUTH [^\n]*\n/.exec(direct.output.toString("latin1")) ?? [];
    assert.ok(expected?.endsWith("\r\n"), direct.output.toString());

    home.writeTable(tableFor(sshd, { "commands.imap": mailbox.command }));
    const options = { env: home.env, input: "A1 LOGOUT\r\n" };
    const { status, output } = await runCall([...form.argv, ...MAIL], options);
    assert.equal(output.toString("latin1").split("A1 OK")[0], `${expected}* BYE Logging out\r\n`);
    assert.equal(status, 0);
  });

  for (const line of [
    "* PREAUTH",
    "* PREAUTH ready",
    "* preauth Ready",
    "* PreAuth [CAPABILITY IMAP4rev1] x",
  ]) {
    test(`"${line}" is passed on as it is, CRLF at its end`, async () => {
      using home = makeHome();
      const { status, output } = await session(form, home, `${line}\r\n`);
      assert.deepEqual([status, output.toString("latin1")], [0, `${line}\r\nA1 NOOP\r\n`]);
    });
  }

  test("gets the CRLF that it lacks, and nothing after it is touched", async () => {
    using home = makeHome();
    const { output } = await session(form, home, "* PREAUTH ready\n* 3 EXISTS\n", "A1\nA2\r\n");
    assert.equal(output.toString("latin1"), "* PREAUTH ready\r\n* 3 EXISTS\nA1\nA2\r\n");
  });

  test("is followed by whatever came with it, of any byte", async () => {
    using home = makeHome();
    const greeting = Buffer.from("* PREAUTH caf\xe9\r\n", "latin1");
    const { output } = await session(form, home, Buffer.concat([greeting, EVERY_BYTE]), "x");
    assert.deepEqual(output, Buffer.concat([greeting, EVERY_BYTE, Buffer.from("x")]));
  });

  test("comes first where the shell has said something, which goes to the log", async () => {
    using home = makeHome();
    const noise = "Welcome!\r\n\n  *PREAUTH not yet\n* PREAUTHOR\n*\x1b[31m PREAUTH\n* 1 EXISTS\n";
    const { output } = await session(form, home, `${noise}* PREAUTH ready\r\n`);
    assert.equal(output.toString("latin1"), "* PREAUTH ready\r\nA1 NOOP\r\n");
    assert.match(home.log(), /said: Welcome!\n/);
    assert.match(
      home.log(),
      /said: {3}\*PREAUTH not yet\n.*said: \* PREAUTHOR\n.*said: \*\\e\[31m PREAUTH\n/,
    );
  });

  for (const [noise, logged] of Object.entries(UNENDED)) {
    test(`is found behind ${JSON.stringify(noise)}, which goes to the log`, async () => {
      using home = makeHome();
      const { status, output } = await session(form, home, `${noise}* PREAUTH ready\r\n`);
      assert.deepEqual([status, output.toString("latin1")], [0, "* PREAUTH ready\r\nA1 NOOP\r\n"]);
      assert.ok(home.log().includes(`said: ${logged}\n`), home.log());
    });
  }

  test("may come a moment after a line that looks like a refusal", async () => {
    using home = makeHome();
    const late = `printf '* NO UNAUTHORIZED ACCESS *\\n'; ${saying(home, "* PREAUTH ready\r\n")}`;
    home.writeTable(tableFor(sshd, { "commands.imap": late }));
    const { output } = await runCall([...form.argv, ...MAIL], { env: home.env, input: "A1 NOOP\r\n" });
    assert.equal(output.toString("latin1"), "* PREAUTH ready\r\nA1 NOOP\r\n");
  });

  test("that does not come: the reason has the last noise, at the deadline and at the end", async () => {
    using home = makeHome();
    const question = "printf 'motd\\nPress enter: '";
    for (const [command, deadline, status, reason] of [
      [
        `${question}; exec cat`,
        "3s",
        69,
        'timed out waiting for the greeting of mail.test after 3 s: "Press enter:"',
      ],
      [question, "9s", 69, 'the remote command ended with status 0 before any greeting: "Press enter:"'],
      [
        "printf '* NO ENTRY *\\n'; exec /nowhere/imapd 2>/dev/null",
        "9s",
        127,
        '"* NO ENTRY *" (the remote command ended with status 127 before any greeting)',
      ],
    ] as const) {
      home.writeTable(tableFor(sshd, { "commands.imap": command, deadline }));
      const finished = await converse([...form.argv, ...MAIL], { env: home.env });
      assert.equal(finished.output.toString("latin1"), refusal(`mail.test: ${reason}`));
      assert.equal(finished.status, status);
      assert.ok(home.log().includes(`${reason}\n`), home.log());
      if (status === 127) continue;
      const check = await runCall([...form.argv, "--check", "mail.test"], { env: home.env, stdio: "pipes" });
      assert.ok(check.stderr.includes(`preauth: mail.test: ${reason}\n`), check.stderr);
    }
  });

  test("may come after almost 64 KiB of noise, in lines or in one", async () => {
    using home = makeHome();
    for (const noise of ["n".repeat(65_000), "0123456789abcde\n".repeat(4_060)]) {
      const { status, output } = await session(form, home, `${noise}\n* PREAUTH ready\r\n`);
      assert.deepEqual([status, output.toString("latin1")], [0, "* PREAUTH ready\r\nA1 NOOP\r\n"]);
    }
  });

  test("that has not come after 64 KiB is waited for no longer", async () => {
    using home = makeHome();
    const floods = [
      ["n".repeat(66_000), /^mail\.test: 64 KiB without an IMAP greeting: "n{3,}\.\.\.$/],
      ["0123456789abcde\n".repeat(4_130), /^mail\.test: 64 KiB without an IMAP greeting: "0123456789abcde"$/],
    ] as const;
    for (const [noise, reason] of floods) {
      const { status, output } = await refused(form, home, noise);
      const [, said = ""] = /\* BYE preauth: (.*)\r\n/.exec(output.toString("latin1")) ?? [];
      assert.match(said, reason);
      assert.deepEqual([status, output.toString("latin1")], [69, refusal(said)]);
    }
  });

  test("of more than 1,000 bytes loses its capabilities", async () => {
    using home = makeHome();
    const capabilities = `[CAPABILITY IMAP4rev1 ${"AUTH=PLAIN ".repeat(100)}IDLE]`;
    const { output } = await session(
      form,
      home,
      `* PREAUTH ${capabilities} Logged in as jane\r\n* 1 EXISTS\r\n`,
    );
    assert.equal(output.toString("latin1"), "* PREAUTH Logged in as jane\r\n* 1 EXISTS\r\nA1 NOOP\r\n");
  });

  test("of 1,000 bytes keeps them", async () => {
    using home = makeHome();
    const line = `* PREAUTH [CAPABILITY IMAP4rev1 ${"X".repeat(950)}] ready`.padEnd(1000, ".");
    const { output } = await session(form, home, `${line}\r\n`);
    assert.equal(output.toString("latin1"), `${line}\r\nA1 NOOP\r\n`);
  });

  test("that is too long without capabilities is cut to 1,000 bytes", async () => {
    using home = makeHome();
    for (const capabilities of ["", `[CAPABILITY ${"X".repeat(2000)}] `]) {
      const { output } = await session(form, home, `* PREAUTH ${capabilities}${"long ".repeat(300)}\r\n`);
      const [line = "", ...rest] = output.toString("latin1").split("\r\n");
      assert.match(line, /^\* PREAUTH (long ?)+l?o?n?g?$/);
      assert.equal(line.length, 1000);
      assert.deepEqual(rest, ["A1 NOOP", ""]);
    }
  });
});

describeForms("a server that greets otherwise", { concurrency: 3 }, (form) => {
  const greetings: readonly (readonly [said: string, reason: string])[] = [
    [
      "* OK [CAPABILITY IMAP4rev1] ready\r\n",
      'the IMAP server is not preauthenticated: "OK [CAPABILITY IMAP4rev1] ready"',
    ],
    ["* ok ready\n", 'the IMAP server is not preauthenticated: "ok ready"'],
    ["* BYE too many of you\r\n", 'the IMAP server refused: "BYE too many of you"'],
    ["noise\r\n* NO mail for you\r\n", 'the IMAP server refused: "NO mail for you"'],
    // What stands in the reason is printable ASCII, on one line, whatever the server says.
    ["* Bye caf\u00e9 \x1b[31m\x07\r\n", 'the IMAP server refused: "Bye caf? \\e[31m\\x07"'],
  ];
  for (const [said, what] of greetings) {
    test(`is refused with its words: ${JSON.stringify(said)}`, async () => {
      using home = makeHome();
      const { status, output } = await refused(form, home, said);
      assert.deepEqual([status, output.toString("latin1")], [69, refusal(`mail.test: ${what}`)]);
      assert.ok(home.log().includes(`mail.test: ${what.replace("?", "\u00e9")}\n`), home.log());
    });
  }

  test("is refused in at most 400 bytes", async () => {
    using home = makeHome();
    const { output } = await refused(form, home, `* BYE ${"why ".repeat(1000)}\r\n`);
    const [, reason = ""] = /\* BYE preauth: (.*)\r\n/.exec(output.toString("latin1")) ?? [];
    assert.match(reason, /^mail\.test: the IMAP server refused: "BYE why why /);
    assert.ok(reason.length <= 400, `${reason.length} bytes`);
    assert.equal(output.toString("latin1"), refusal(reason));
  });
});

/** Understood alike by sh, csh and fish; csh has no redirection of stderr alone. */
const NOISE =
  "echo You have mail\n/usr/bin/printf 'fortune: \\033[1mbe clean\\n'\n/bin/sh -c 'echo stderr too >&2'\n";

describeForms("noise without a newline over a shared connection", (form) => {
  test("goes to the log of each call, also with a spare mailbox, and the greeting comes first", async () => {
    using home = makeHome();
    const noise = "* NO ENTRY *\n\x1b]0;title\x07";
    const command = saying(home, `${noise}* PREAUTH ready\r\n`);
    home.writeTable(tableFor(sshd, { "commands.imap": command, share: true, spare: 1 }));
    for (let n = 0; n < 3; n++) {
      const { status, output } = await runCall([...form.argv, ...MAIL], {
        env: home.env,
        input: "A1 NOOP\r\n",
      });
      assert.deepEqual([status, output.toString("latin1")], [0, "* PREAUTH ready\r\nA1 NOOP\r\n"]);
    }
    await poll(() => /spare: said: \\e\]0;title\\x07\n/.test(home.log()), "the noise of a spare", home.log);
    assert.match(home.log(), /mail\.test: said: \\e\]0;title\\x07\n/);

    home.writeTable(
      tableFor(sshd, { "commands.imap": "printf 'Press enter: '; exec cat", share: true, deadline: "3s" }),
    );
    const { output } = await converse([...form.argv, ...MAIL], { env: home.env });
    const what = 'timed out waiting for the greeting of mail.test after 3 s: "Press enter:"';
    assert.equal(output.toString("latin1"), refusal(`mail.test: ${what}`));
  });
});

describeForms("noise of a real shell", { concurrency: 3 }, (form) => {
  const kinds: Readonly<Record<string, SshdOptions>> = {
    // Debian's bash reads it when sshd has started it, and not $BASH_ENV (SSH_SOURCE_BASHRC).
    "of ~/.bashrc": { shell: "/bin/bash", files: { ".bashrc": NOISE } },
    "of ~/.cshrc": { shell: "/usr/bin/tcsh", files: { ".cshrc": NOISE } },
    "of config.fish": { shell: "/usr/bin/fish", files: { ".config/fish/config.fish": NOISE } },
  };
  for (const [kind, options] of Object.entries(kinds)) {
    test(`${kind} goes to the log, and the greeting comes first`, async () => {
      using home = makeHome();
      using mailbox = makeMailbox();
      await using noisy = await startSshd(options);
      home.writeTable(tableFor(noisy, { "commands.imap": mailbox.command }));
      const { status, output } = await runCall([...form.argv, ...MAIL], {
        env: home.env,
        input: "A1 LOGOUT\r\n",
      });
      assert.match(
        output.toString("latin1"),
        /^\* PREAUTH [^\r\n]*\r\n\* BYE [^\r\n]*\r\nA1 OK [^\r\n]*\r\n$/,
      );
      assert.equal(status, 0);
      for (const line of ["You have mail", "fortune: \\e[1mbe clean", "stderr too"]) {
        assert.ok(home.log().includes(`said: ${line}\n`), `${line}\n${home.log()}`);
      }
    });
  }
});
