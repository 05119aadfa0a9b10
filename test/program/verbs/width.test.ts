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

describeForms("on a terminal", { concurrency: 2 }, (form) => {
  for (const columns of [40, 80]) {
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
      assert.equal(/^key exchange +\d+ ms /m.test(checked), columns > 60, "times give way");
      assert.match(checked, /#{3}/, "bars are drawn");
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
      assert.match(await run("--status"), /work/);
      assert.match(await run("--stop", "--now"), /work: ended/);
    });
  }
});
