import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { rshPath } from "../../peers/alpine.ts";
import { describeForms } from "../../peers/binaries.ts";
import { runCall, startCall } from "../../peers/call.ts";
import { type Mailbox, makeMailbox } from "../../peers/dovecot.ts";
import { makeHome, tableFor } from "../../peers/home.ts";
import { type Sshd, startSshd } from "../../peers/sshd.ts";
import { refusingPort } from "../../peers/tcp.ts";

let sshd: Sshd;
let mailbox: Mailbox;

before(async () => {
  sshd = await startSshd({ config: ["Banner /etc/hostname"] });
  mailbox = makeMailbox();
});

after(async () => {
  await sshd.stop();
  mailbox[Symbol.dispose]();
});

/** Makes the terminal it is in so wide, and becomes a program. */
const sized = (columns: number, argv: readonly string[]): readonly string[] => [
  ...["/bin/sh", "-c", `stty cols ${columns} rows 24; exec "$@"`, "sh"],
  ...argv,
];

/** The column in which the bar that reaches farthest ends. */
function farthest(text: string): number {
  const bars = text.split("\n").filter((line) => /^\w.* {2}#+(?: {2}|$)/.test(line));
  return Math.max(...bars.map((line) => line.lastIndexOf("#") + 1));
}

/** Whether there is a sequence that sets a colour (ECMA-48, SGR). */
const isColoured = (text: string): boolean => text.includes("\x1b[3");

describeForms("on a terminal", { concurrency: 2 }, (form) => {
  test("colours repeat what words say, and are left out where nobody wants them", {
    timeout: 60_000,
  }, async () => {
    using home = makeHome();
    home.writeTable(tableFor(sshd, { match: "work", "commands.imap": mailbox.command, user: undefined }));
    const run = async (words: readonly string[], env: Readonly<Record<string, string>>): Promise<string> => {
      const argv = sized(80, [...form.argv, ...words]);
      const { output } = await runCall(argv, { env: { ...home.env, ...env }, stdio: "terminal" });
      return output.toString();
    };
    const check = ["--check", "work"];
    const coloured = await run(check, { TERM: "xterm" });
    assert.match(coloured, /^\x1b\[36m[a-z ]+ +#+\x1b\[0m\r?$/m, "bars");
    const isPlain = async (env: Readonly<Record<string, string>>): Promise<boolean> =>
      !isColoured(await run(check, env));
    assert.equal(await isPlain({ TERM: "dumb" }), true, "TERM=dumb");
    assert.equal(await isPlain({ TERM: "xterm", NO_COLOR: "1" }), true, "NO_COLOR");
    assert.equal(await isPlain({ TERM: "xterm", NO_COLOR: "" }), false, "an empty NO_COLOR says nothing");
    home.writeTable(tableFor(sshd, { match: "work", port: await refusingPort() }));
    const failed = await run(check, { TERM: "xterm" });
    assert.match(failed, /^\x1b\[31mconnect .* FAILED\x1b\[0m\r?$/m, "what failed says so in words");
    const pipe = await runCall([...form.argv, ...check], {
      env: { ...home.env, TERM: "xterm" },
      stdio: "pipes",
    });
    assert.equal(isColoured(pipe.output.toString()), false, "a pipe");
  });

  for (const columns of [40, 80, 132]) {
    test(`of ${columns} columns every line fits`, { timeout: 60_000 }, async () => {
      using home = makeHome();
      const keys = { match: "work", "commands.imap": mailbox.command, user: undefined };
      const forward = `\n[[forward]]\nname = "smtp"\nlisten = ${await refusingPort()}\nto = "127.0.0.1:${sshd.port}"\n`;
      const table = (more = {}) => home.writeTable(tableFor(sshd, { ...keys, ...more }) + forward);
      home.write(".pinerc", `rsh-path=${rshPath(home, form.argv)}\ninbox-path={work}INBOX\n`);
      const run = async (...words: readonly string[]): Promise<string> => {
        const argv = sized(columns, [...form.argv, ...words]);
        const { output } = await runCall(argv, { env: home.env, stdio: "terminal" });
        const text = output.toString().replaceAll("\r", "");
        const long = text.split("\n").filter((line) => line.length > columns);
        // What is to be pasted may have a word that is longer than a line.
        assert.deepEqual(
          long.filter((line) => !/^ {2}(\S+ ?= ?)?['"]?\S+/.test(line) || line.trim().includes("  ")),
          [],
          text,
        );
        return text;
      };
      table();
      const checked = await run("--check", "work");
      assert.match(checked, /^SELECT INBOX\W/m);
      assert.match(checked, columns > 60 ? /^key exchange +\d+ ms {2}\w/m : /^key exchange \d+ ms: \w/m);
      assert.equal(farthest(checked), columns, "the bars end where the terminal does");
      await run("--explain", "work");
      await run("--help");
      assert.match(await run("--nonsense"), /usage: preauth/);
      table({ known_hosts: sshd.knownHostsFile("empty") });
      // Somebody sits at this terminal, who is asked, and leaves.
      await run("--explain", "work");
      table({ identity: `${home.path}/none` });
      assert.match(await run("--check", "work"), /hint: make a\s+key:/);
      table({ share: true });
      await using call = await startCall([...form.argv, "work", sshd.user, "imap"], { env: home.env });
      await call.readUntil(/PREAUTH/);
      const status = await run("--status");
      assert.match(status, /work/);
      assert.match(
        status,
        new RegExp(`^work sent +#{${columns >> 2},} +[\\d.]+ k?B$`, "m"),
        "bars of the bytes",
      );
      assert.match(await run("--stop", "--now"), /work: ended/);
    });
  }
});
