import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { copyFileSync, readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { describeForms, type Form } from "../../peers/binaries.ts";
import { type Mailbox, makeMailbox } from "../../peers/dovecot.ts";
import { type Home, makeHome } from "../../peers/home.ts";
import { program } from "../../peers/programs.ts";
import { startSecretServer } from "../../peers/secret_server.ts";
import { startSshd } from "../../peers/sshd.ts";
import { openWatched, type Watched } from "../terminal/watched.ts";

const TIMEOUT = { timeout: 60_000 };

/** A server, as far as the dialogue names it. */
interface Place {
  readonly port: number;
  readonly user: string;
  readonly knownHosts: string;
}

function defaults(place: Place, identity: string, command: string): string {
  return [
    "[defaults]",
    'ssh_config = "none" # none of mine',
    `identity = ${JSON.stringify(identity)}`,
    `known_hosts = ${JSON.stringify(place.knownHosts)}`,
    `commands.imap = ${JSON.stringify(command)}`,
    "share = false",
    "",
  ].join("\n");
}

/** Answers as far as the connection. */
async function untilLogin(form: Form, home: Home, { user, port }: Place): Promise<Watched> {
  const terminal = await openWatched([...form.argv, "--init", "work"], home);
  for (const [question, text] of [
    [/ssh to, as/, `${user}@127.0.0.1:${port}`],
    [/login name on the server/, ""],
  ] as const) {
    await terminal.waitFor(question, "the next question");
    terminal.type(text);
    terminal.keys("Enter");
  }
  return terminal;
}

/** Every file of the home but the log and what belongs to the test, with its text and mode. */
function filesOf({ path }: Home): readonly string[] {
  return readdirSync(path, { recursive: true, encoding: "utf8" })
    .filter((name) => !/^(state|settings)/.test(name))
    .sort()
    .map((name) => {
      const found = statSync(join(path, name));
      return `${name} ${found.mode} ${found.isFile() ? readFileSync(join(path, name), "latin1") : ""}`;
    });
}

describeForms("--init asks", { concurrency: 2 }, (form) => {
  test(
    "for the passphrase of a key, opens the mailbox, and Ctrl-C there changes nothing",
    TIMEOUT,
    async () => {
      using mailbox: Mailbox = makeMailbox();
      await using sshd = await startSshd();
      using home = makeHome();
      const key = join(home.path, "locked");
      copyFileSync(sshd.identity, key);
      execFileSync(program("ssh-keygen"), ["-q", "-p", "-P", "", "-N", "fish and chips", "-f", key]);
      home.writeTable(defaults(sshd, key, mailbox.command));
      const before = filesOf(home);
      for (const isLeaving of [true, false]) {
        await using terminal = await untilLogin(form, home, sshd);
        await terminal.waitFor(/Enter passphrase for key '.*locked':/s, "the passphrase's question");
        if (isLeaving) {
          terminal.keys("C-c");
          assert.equal(await terminal.ended(), 130);
        } else {
          terminal.type("fish and chips");
          terminal.keys("Enter");
          await terminal.waitFor(/\(3\s+messages\)[\s\S]*is this your mail/, "the mailbox");
          terminal.type("no");
          terminal.keys("Enter");
          assert.equal(await terminal.ended(), 0);
        }
        assert.doesNotMatch(terminal.screen(), /chips/);
        const { before: echo, after } = terminal.settings();
        assert.equal(after, echo);
        assert.deepEqual(filesOf(home), before);
      }
    },
  );

  test("for a password once the keys have not done, and Ctrl-C there changes nothing", TIMEOUT, async () => {
    await using server = await startSecretServer({ password: "swordfish" });
    using home = makeHome();
    home.writeTable(defaults(server, server.identity, "exec imapd"));
    const before = filesOf(home);
    for (const isLeaving of [true, false]) {
      await using terminal = await untilLogin(form, home, server);
      await terminal.waitFor(/jane@127\.0\.0\.1's password:/, "the password's question");
      if (!isLeaving) {
        terminal.type("swordfish");
        terminal.keys("Enter");
        // This server lets in, and runs nothing.
        await terminal.waitFor(/authentication .*password[\s\S]*go on anyway \[no\]:/, "the next question");
      }
      terminal.keys("C-c");
      assert.equal(await terminal.ended(), 130);
      assert.doesNotMatch(terminal.screen(), /swordfish/);
      const { before: echo, after } = terminal.settings();
      assert.equal(after, echo);
      assert.deepEqual(filesOf(home), before);
    }
    assert.equal(server.tried[0], "publickey");
  });
});
