import assert from "node:assert/strict";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { describeForms } from "../../peers/binaries.ts";
import { runCall, startCall } from "../../peers/call.ts";
import { makeMailbox } from "../../peers/dovecot.ts";
import { makeHome, tableFor } from "../../peers/home.ts";
import { program } from "../../peers/programs.ts";
import { type Sshd, startSshd } from "../../peers/sshd.ts";
import { GREETING, MAIL, saying } from "./client.ts";

let sshd: Sshd;
before(async () => {
  sshd = await startSshd();
});
after(() => sshd.stop());

/** Lines of the log that a server has caused, without time, pid and SERVER. */
function remarksIn(log: string): readonly string[] {
  return [...log.matchAll(/ mail\.test: said: (.*)$/gm)].map(([, line = ""]) => line);
}

/** 16,384 numbered lines of 64 bytes. */
const MEGABYTE = "awk 'BEGIN { for (i = 1; i <= 16384; i++) printf \"%063d\\n\", i }'";

describeForms("what the server says beside the mail", { concurrency: 3 }, (form) => {
  const argv = [...form.argv, ...MAIL];
  const session = { input: "A1 NOOP\r\n" };
  const ECHO = `${GREETING}A1 NOOP\r\n`;

  test("a forced command in authorized_keys greets in place of the table's", async () => {
    using home = makeHome();
    using mailbox = makeMailbox();
    await using forcing = await startSshd({ keyOptions: `restrict,command="${mailbox.command}"` });
    home.writeTable(tableFor(forcing, { "commands.imap": "exec /nowhere/imapd" }));
    const { status, output } = await runCall(argv, { env: home.env, input: "A1 LOGOUT\r\n" });
    assert.match(output.toString(), /^\* PREAUTH [^\r\n]*\r\n\* BYE [^\r\n]*\r\nA1 OK [^\r\n]*\r\n$/);
    assert.equal(status, 0);
  });

  test("Dovecot's line at logout goes to the log, and not into the stream", async () => {
    using home = makeHome();
    using mailbox = makeMailbox();
    home.writeTable(tableFor(sshd, { "commands.imap": mailbox.command }));
    const { status, output } = await runCall(argv, { env: home.env, input: "A1 LOGOUT\r\n" });
    assert.match(output.toString(), /^\* PREAUTH [^\r\n]*\r\n\* BYE [^\r\n]*\r\nA1 OK [^\r\n]*\r\n$/);
    assert.equal(status, 0);
    assert.match(remarksIn(home.log()).join("\n"), /^imap\(\w+\).*: Disconnected: Logged out .*$/);
  });

  test("standard error and the banner go to the log with their control characters escaped", async () => {
    using home = makeHome();
    const file = home.write("banner", "Private \x1b]0;owned\x07system\n\n  keep out\r\n* PREAUTH not I\n");
    await using warning = await startSshd({ config: [`Banner ${file}`] });
    const noise = "printf 'er\\033[31mror\\r\\n\\n\\t* PREAUTH nor I\\302\\233\\nno end' >&2";
    home.writeTable(tableFor(warning, { "commands.imap": `${noise}; ${saying(home, GREETING)}` }));
    for (const stdio of ["alpine", "pipes"] as const) {
      const { status, output, stderr } = await runCall(argv, { env: home.env, stdio, ...session });
      // A standard error that is no terminal is for the one line of a failure.
      assert.deepEqual([status, output.toString(), stderr], [0, ECHO, ""], stdio);
    }
    const said = remarksIn(home.log());
    const expected = [
      "Private \\e]0;owned\\x07system",
      "keep out",
      "* PREAUTH not I",
      "er\\e[31mror",
      "\\t* PREAUTH nor I\\x9b",
      "no end",
    ];
    assert.deepEqual(said, [...expected, ...expected]);
    assert.match(home.log(), /^[\x20-\x7e\n]*$/);
  });

  test("a megabyte of standard error after the end of the stream is whole in the log", async () => {
    using home = makeHome();
    const command = `${saying(home, GREETING).replace("exec ", "")}; exec >&-; ${MEGABYTE} >&2; exit 5`;
    home.writeTable(tableFor(sshd, { "commands.imap": command }));
    const { status, output } = await runCall(argv, { env: home.env, ...session });
    assert.deepEqual([status, output.toString()], [5, ECHO]);
    const expected = Array.from({ length: 16_384 }, (_, index) => String(index + 1).padStart(63, "0"));
    assert.deepEqual(remarksIn(home.log()), expected);
  });

  test("a megabyte of standard error beside the stream holds neither up", async () => {
    using home = makeHome();
    const command = `${MEGABYTE} >&2 & cat ${home.write("greeting", GREETING)}; ${MEGABYTE}; wait`;
    home.writeTable(tableFor(sshd, { "commands.imap": command }));
    const { status, output } = await runCall(argv, { env: home.env, ...session });
    assert.deepEqual([status, output.length], [0, GREETING.length + 16_384 * 64]);
    assert.equal(remarksIn(home.log()).length, 16_384);
  });

  test("a person at a terminal sees both", async () => {
    using home = makeHome();
    const file = home.write("banner", "Private \x1b[5msystem\n");
    await using warning = await startSshd({ config: [`Banner ${file}`] });
    const command = `printf 'late \\033[5mnews\\n' >&2; ${saying(home, GREETING)}`;
    home.writeTable(tableFor(warning, { "commands.imap": command }));
    await using call = await startCall(argv, { env: home.env, stdio: "terminal" });
    // The terminal makes CR LF of each LF.
    await call.readUntil(/\* PREAUTH .*\r+\n/);
    await call.readUntil(/late .*\r\n/);
    assert.match(call.output.toString(), /^Private \\e\[5msystem\r\n/m);
    assert.match(call.output.toString(), /^late \\e\[5mnews\r\n/m);
    assert.deepEqual(remarksIn(home.log()), ["Private \\e[5msystem", "late \\e[5mnews"]);
  });
});

describeForms("the end of a session", { concurrency: 3 }, (form) => {
  const argv = [...form.argv, ...MAIL];
  const ends: readonly (readonly [name: string, last: string, status: number])[] = [
    ["its status", "exit 7", 7],
    ["128 and its signal", "kill -TERM $$", 143],
    ["255 where the connection is lost", "kill -KILL $PPID; exec sleep 99", 255],
  ];
  for (const [name, last, status] of ends) {
    test(`is that of the remote command: ${name}`, async () => {
      using home = makeHome();
      const command = `cat ${home.write("greeting", GREETING)}; head -n 1; ${last}`;
      home.writeTable(tableFor(sshd, { "commands.imap": command }));
      await using call = await startCall(argv, { env: home.env });
      await call.readUntil(/^\* PREAUTH .*\r\n/);
      call.write("A1 LOGOUT\r\n");
      const ended = await call.finished();
      assert.equal(ended.status, status);
      // What it said last may be lost with the connection; nothing else may come.
      assert.match(ended.output.toString(), /^\* PREAUTH [^\n]*\n(A1 LOGOUT\r\n)?$/);
      if (status !== 255) assert.equal(ended.output.toString(), `${GREETING}A1 LOGOUT\r\n`);
    });
  }

  test("comes after all that the server said, also for a client that reads slowly", async () => {
    using home = makeHome();
    const command = `cat ${home.write("greeting", GREETING)}; ${MEGABYTE}`;
    home.writeTable(tableFor(sshd, { "commands.imap": command }));
    const fifo = join(home.path, "fifo");
    const reader = `mkfifo ${fifo} && { ${program("perl")} -e '${SLOWLY}' < ${fifo} & }`;
    const words = ["sh", "-c", `${reader}; "$@" > ${fifo} 2>&1; wait`, "sh", ...argv];
    const { output } = await runCall(words, { env: home.env, input: "A1 LOGOUT\r\n" });
    assert.equal(output.length, GREETING.length + 16_384 * 64);
  });
});

/** A reader for whom a pipe is full most of the time: a page each millisecond. */
const SLOWLY = "select undef, undef, undef, 0.001 while sysread(STDIN, $b, 4096) and syswrite(STDOUT, $b)";
