import assert from "node:assert/strict";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { describeForms } from "../../peers/binaries.ts";
import { type Mailbox, makeMailbox } from "../../peers/dovecot.ts";
import { makeHome } from "../../peers/home.ts";
import { type Sshd, startSshd } from "../../peers/sshd.ts";
import { openTerminal } from "../../peers/terminal.ts";
import { freePort } from "../../unit/forwards/fixtures.ts";

let mailbox: Mailbox;
let sshd: Sshd;

before(async () => {
  mailbox = makeMailbox();
  sshd = await startSshd({ keysAtHome: true });
});

after(async () => {
  await sshd.stop();
  mailbox[Symbol.dispose]();
});

/** What is pasted whole: a line of authorized_keys, of the table and of ~/.pinerc, and a word of a command. */
const PASTED = /^(?:restrict|no-|ssh-ed25519 )|^[+-]|^ {2}\S+$/;

type Dialogue = readonly (readonly [question: RegExp, text: string])[];

// One after the other: each changes the authorized_keys of the same account.
describeForms("the dialogues of --init and --authorize", { concurrency: 1 }, (form) => {
  for (const columns of [40, 80]) {
    test(`fit into ${columns} columns`, { timeout: 120_000 }, async () => {
      using home = makeHome();
      home.writeTable(
        [
          "[defaults]",
          `ssh_config = ${JSON.stringify(home.write("config_of_ssh", `IdentityFile ${sshd.identity}\n`))}`,
          `known_hosts = ${JSON.stringify(join(home.path, "known"))}`,
          `commands.imap = ${JSON.stringify(mailbox.command)}`,
          "share = false",
          `[[forward]]\nname = "smtp"\nlisten = ${await freePort()}\nto = "127.0.0.1:25"\n`,
        ].join("\n"),
      );
      home.write(".muttrc", "set folder=imap://a.person.with.a.long.name@mailbox-server.of.isp.example/\n");
      const talk = async (verb: string, dialogue: Dialogue): Promise<void> => {
        const words = [...form.argv, ...verb.split(" ")];
        await using terminal = await openTerminal(words, { env: home.env, columns, rows: 400 });
        for (const [question, text] of dialogue) {
          const pattern = new RegExp(question.source.replaceAll(" ", "\\s+"));
          await terminal.waitFor(pattern, `${question}`);
          terminal.type(text);
          terminal.keys("Enter");
        }
        assert.equal(await terminal.ended(), 0, terminal.screen());
        const typed = dialogue.map(([, text]) => text).filter((text) => text !== "");
        const wide = terminal
          .written()
          .replace(/^[\s\S]*(?=^preauth: these lines)/m, "")
          .split("\n")
          .map((line) =>
            line.slice(0, -(typed.find((text) => line.endsWith(text))?.length ?? 0) || undefined),
          )
          .filter((line) => line.length > columns && !PASTED.test(line));
        assert.deepEqual(wide, [], verb);
      };
      await talk("--init", [
        [/mailbox-se[\s\S]*name of the mail server, as your mail program will use it \[1\]:/, "work"],
        [/ssh to, as \[USER@\]HOST\[:PORT\] \[work\]:/, `127.0.0.1:${sshd.port}`],
        [/login name on the server \[\w+\]:/, "no;body"],
        [/"no;body" is not one[\s\S]*login name on the server \[\w+\]:/, ""],
        [/Connect, and remember this key .*[\s\S]*fingerprint\)\?/, "perhaps"],
        [/Please type "yes", "no" or the fingerprint:/, "yes"],
        [/is this your mail \[yes\]:/, ""],
        [/make it the INBOX of Alpine \[yes\]:/, ""],
        // Another test may run Alpine at this moment.
        [/write \S+( and ~\/\.pinerc)? \[yes\]:/, ""],
      ]);
      await talk("--authorize work", [
        [/the key for mail alone \[~\/\.ssh\/id_mail_work\]:/, ""],
        [/a passphrase for it \(empty for none\):/, ""],
        [/install it on work \[yes\]:/, ""],
      ]);
      for (const verb of ["--hosts", "--explain", "--snippet", "--snippet fetchmail work"])
        await talk(verb, []);
    });
  }
});
