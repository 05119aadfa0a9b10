import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import {
  chmodSync,
  chownSync,
  copyFileSync,
  mkdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { describeForms } from "../../peers/binaries.ts";
import { type Home, hostTable, makeHome, tableFor } from "../../peers/home.ts";
import { makeKey } from "../../peers/keys.ts";
import { program } from "../../peers/programs.ts";
import { openTerminal } from "../../peers/terminal.ts";
import { STRANGER, withoutRoot } from "../../unit/forwards/fixtures.ts";
import { check, keysOf, lineOf, tell, type } from "./hinted.ts";
import { mailbox, sshd } from "./own_server.ts";

/* The hints of --authorize, --init and --snippet, each typed in the state that it is for. */

const PRINTED = /^restrict,command=".*" ssh-ed25519 AAAA\S+/;

function work(home: Home): void {
  home.writeTable(hostTable({ match: "work", server: "no.such.test", user: "jane" }));
}

describeForms("hints of --authorize", { concurrency: 2 }, (form) => {
  const print = (home: Home) => tell(form, home, ["--authorize", "--print", "work"]);

  test("make the key that is not there yet, also without ~/.ssh", async () => {
    using home = makeHome();
    work(home);
    const { status, hints } = await print(home);
    assert.equal(status, 64);
    assert.equal(type(form, home, `${lineOf(hints, /^make one/)} -q -N ''`).status, 0);
    assert.match((await print(home)).text, PRINTED);
  });

  test("make the .pub of one that has none", async () => {
    using home = makeHome();
    work(home);
    mkdirSync(join(home.path, ".ssh"), { mode: 0o700 });
    const key = makeKey(join(home.path, ".ssh/id_mail_work"));
    rmSync(`${key.path}.pub`);
    const { status, hints } = await print(home);
    assert.equal(status, 78);
    assert.equal(type(form, home, lineOf(hints, /^make it from the private key/)).status, 0);
    assert.match((await print(home)).text, PRINTED);
  });

  const spoilt: readonly (readonly [title: string, spoil: (file: string) => void])[] = [
    ["a key of another user", (file) => chownSync(file, STRANGER, STRANGER)],
    ["a key that others can write", (file) => chmodSync(file, 0o666)],
    ["a ~/.ssh that others can write", (file) => chmodSync(dirname(file), 0o770)],
  ];
  for (const [title, spoil] of spoilt) {
    test(`mend ${title}`, { skip: withoutRoot }, async () => {
      using home = makeHome();
      work(home);
      mkdirSync(join(home.path, ".ssh"), { mode: 0o700 });
      spoil(`${makeKey(join(home.path, ".ssh/id_mail_work")).path}.pub`);
      const { status, hints } = await print(home);
      assert.equal(status, 78);
      assert.equal(type(form, home, hints[0] ?? "false").status, 0);
      assert.match((await print(home)).text, PRINTED);
    });
  }

  test("lead to the file that sshd reads", { timeout: 120_000 }, async () => {
    using home = makeHome();
    const ssh_config = home.write("ssh_config", `IdentityFile ${sshd.identity}\nIdentitiesOnly yes\n`);
    home.writeTable(
      tableFor(sshd, {
        ...{ match: "work", identity: undefined, ssh_config, "commands.imap": mailbox.command },
      }),
    );
    const answered = async (answers: readonly (readonly [asked: RegExp, answer: string])[]) => {
      const options = { env: home.env, columns: 250, rows: 60 };
      await using terminal = await openTerminal([...form.argv, "--authorize", "work"], options);
      for (const [asked, answer] of answers) {
        await terminal.waitFor(asked, `what is answered with "${answer}"`);
        terminal.type(answer);
        terminal.keys("Enter");
      }
      return { status: await terminal.ended(60_000), screen: terminal.screen() };
    };
    const first = await answered([
      [/the key for mail alone/, ""],
      [/a passphrase for it/, ""],
      [/install it on work/, "yes"],
    ]);
    assert.equal(first.status, 77, first.screen);
    assert.match(first.screen, /hint: sshd may read another file: .* authorizedkeysfile in sshd -T/);
    const folder = dirname(sshd.identity);
    const words = ["-T", "-f", join(folder, "sshd_config")];
    const settings = execFileSync(program("sshd"), words, { encoding: "utf8" });
    const [, file = ""] = /^authorizedkeysfile (\S+)/m.exec(settings) ?? [];
    const lines = readFileSync(join(sshd.home, ".ssh/authorized_keys"), "utf8");
    const had = readFileSync(file, "utf8");
    writeFileSync(file, had + lines);
    const again = await answered([[/the key for mail alone/, ""]]);
    writeFileSync(file, had);
    rmSync(join(sshd.home, ".ssh"), { recursive: true });
    assert.equal(again.status, 0, again.screen);
    assert.match(again.screen, /^opens {4}INBOX/m);
  });
});

describeForms("hints of the table and of what writes it", { concurrency: 2 }, (form) => {
  test("have a list of hosts added to by hand", async () => {
    using home = makeHome();
    home.writeTable('host = [{ match = "other" }]\n');
    const { status, hints } = await tell(form, home, ["--init", "--print", "work"]);
    assert.equal(status, 78);
    home.writeTable(`host = [{ match = "other" }, ${lineOf(hints, /^add this to the list/)}]\n`);
    assert.equal((await tell(form, home, ["--explain", "work"])).status, 0);
  });

  test("have a SERVER named where the table has wildcards alone", async () => {
    using home = makeHome();
    home.writeTable(hostTable({ match: "*.isp.com" }));
    const { status, hints } = await tell(form, home, ["--snippet", "mutt"]);
    assert.equal(status, 78);
    const line = lineOf(hints, /--snippet CLIENT SERVER$/).replace("CLIENT SERVER", "mutt mail.isp.com");
    assert.match(type(form, home, line).stdout, /^set tunnel=/m);
  });

  test("have a link without blanks made for a program that splits at them", async () => {
    using home = makeHome();
    work(home);
    const last = form.argv.at(-1) ?? "";
    const folder = join(home.path, "my programs");
    mkdirSync(folder);
    const copy = join(folder, "preauth");
    copyFileSync(last, copy);
    const named = { ...form, argv: [...form.argv.slice(0, -1), copy] };
    const { status, hints } = await tell(named, home, ["--snippet", "alpine", "work"]);
    assert.equal(status, 64);
    assert.match(hints.join("\n"), /^use a link or a name without spaces/m);
    const link = join(home.path, "preauth");
    symlinkSync(copy, link);
    const linked = { ...form, argv: [...form.argv.slice(0, -1), link] };
    const { text } = await tell(linked, home, ["--snippet", "alpine", "work"]);
    assert.match(text, new RegExp(`^rsh-path=${link}$`, "m"));
  });

  test("move a table that lies below a directory of somebody else's", { skip: withoutRoot }, async () => {
    using home = makeHome();
    home.writeTable(tableFor(sshd, { match: "work", "commands.imap": mailbox.command }));
    const folder = dirname(home.tableFile);
    chownSync(folder, STRANGER, STRANGER);
    const { status, hints } = await check(form, home);
    assert.equal(status, 78);
    assert.deepEqual(hints, ["put it where each directory on the way is yours or root's"]);
    const mine = home.write("mine/hosts.toml", readFileSync(home.tableFile, "utf8"));
    assert.equal((await check(form, home, { PREAUTH_TABLE: mine })).status, 0);
    chownSync(folder, process.getuid?.() ?? 0, process.getgid?.() ?? 0);
  });

  test("give a table that cannot be read back to its reader", { skip: withoutRoot }, async () => {
    using home = makeHome();
    home.writeTable(tableFor(sshd, { match: "work", "commands.imap": mailbox.command }), 0o200);
    const apart = [program("setpriv"), "--bounding-set=-all", "--inh-caps=-all"];
    const bound = { ...form, argv: [...apart, ...form.argv] };
    const { status, hints } = await check(bound, home);
    assert.equal(status, 78);
    assert.equal(spawnSync("/bin/sh", ["-c", hints[0] ?? "false"]).status, 0);
    assert.equal((await check(bound, home)).status, 0);
  });

  test("have a login shared where one on a terminal is to be of use", async () => {
    using home = makeHome();
    const locked = makeKey(join(home.path, "locked"), "ed25519", "secret");
    home.writeTable(tableFor(sshd, { match: "work", identity: locked.path }));
    const { hints } = await check(form, home);
    assert.equal(keysOf(hints).share, true);
  });
});
