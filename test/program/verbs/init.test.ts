import assert from "node:assert/strict";
import { existsSync, lstatSync, mkdirSync, readdirSync, readFileSync, renameSync, statSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { openAlpine, rshPath } from "../../peers/alpine.ts";
import { describeForms, type Form } from "../../peers/binaries.ts";
import { runCall } from "../../peers/call.ts";
import { type Home, makeHome } from "../../peers/home.ts";
import { program } from "../../peers/programs.ts";
import { skipUnlessRoot, withoutPrivileges } from "../../peers/rights.ts";
import { openTerminal, type Terminal } from "../../peers/terminal.ts";
import { mailbox, sshd } from "./own_server.ts";

const TIMEOUT = { timeout: 60_000 };

/** What the table of a person has already: the test's own keys, and comments that are to stay. */
const defaults = (known = sshd.knownHosts): string =>
  [
    "# my hosts   ",
    "[defaults]",
    'ssh_config = "none" # none of mine',
    `identity = ${JSON.stringify(sshd.identity)}`,
    `known_hosts = ${JSON.stringify(known)}`,
    `commands.imap = ${JSON.stringify(mailbox.command)}`,
    "share = false",
    "",
  ].join("\n");

/** The [[host]] that is written for the answers below. */
const block = (): string =>
  `\n[[host]]\nmatch = "work"\nserver = "127.0.0.1"\nuser = "${sshd.user}"\nport = ${sshd.port}\n`;

/** Processes of one's own, where one may: an Alpine of another test would be taken for the person's. */
const ALONE = skipUnlessRoot ? [] : [program("unshare"), "--pid", "--fork", "--kill-child", "--mount-proc"];

function start(
  form: Form,
  home: Home,
  { words = ["work"], columns = 100, under = ALONE }: StartOptions = {},
): Promise<Terminal> {
  const all = [...under, ...form.argv, "--init", ...words];
  return openTerminal(all, { env: home.env, columns, rows: 60 });
}

interface StartOptions {
  readonly words?: readonly string[];
  readonly columns?: number;
  /** Words in front of the program. */
  readonly under?: readonly string[];
}

function answer(terminal: Terminal, text: string): void {
  terminal.type(text);
  terminal.keys("Enter");
}

/** Every file of a home but the log, with its mode and text. */
function filesOf({ path }: Home): readonly string[] {
  return readdirSync(path, { recursive: true, encoding: "utf8" })
    .filter((name) => !name.startsWith("state"))
    .sort()
    .map((name) => {
      const { mode } = statSync(join(path, name));
      const text = statSync(join(path, name)).isFile() ? readFileSync(join(path, name), "latin1") : "";
      return `${name} ${mode} ${text}`;
    });
}

/** Answers as far as the question whether the mailbox is one's own. */
async function untilMailbox(terminal: Terminal): Promise<void> {
  await terminal.waitFor(/ssh to, as \[USER@\]HOST\[:PORT\] \[work\]:/, "the destination's question");
  answer(terminal, `${sshd.user}@127.0.0.1:${sshd.port}`);
  await terminal.waitFor(new RegExp(`login name on the server \\[${sshd.user}\\]:`), "the name's question");
  answer(terminal, "");
  await terminal.waitFor(/\(3\s+messages\)[\s\S]*is this your mail \[yes\]:/, "the mailbox");
}

async function print(form: Form, home: Home, words: readonly string[] = [], under: readonly string[] = []) {
  const argv = [...form.argv, "--init", ...words];
  const { status, output, stderr } = await runCall(argv, { env: home.env, stdio: "pipes", under });
  return { status, stderr, text: output.toString() };
}

describeForms("--init on a terminal", { concurrency: 2 }, (form) => {
  test(
    "leads from a table of nothing but defaults to INBOX in Alpine, and a second time changes nothing",
    TIMEOUT,
    async () => {
      using home = makeHome();
      home.writeTable(defaults(), 0o640);
      const had = "# mine\nrsh-path=/usr/bin/ssh\r\nuser-domain=mail.test".replace("\r", "");
      home.write(".pinerc", had);
      await using terminal = await start(form, home);
      await untilMailbox(terminal);
      answer(terminal, "");
      await terminal.waitFor(/make it the INBOX of Alpine \[yes\]:/, "the INBOX's question");
      answer(terminal, "yes");
      const shown = await terminal.waitFor(/write \S+ and ~\/\.pinerc \[yes\]:/, "what would be written");
      assert.match(shown, /^\+match = "work"$/m);
      assert.match(shown, /^-rsh-path=\/usr\/bin\/ssh$/m);
      assert.equal(readFileSync(home.tableFile, "utf8"), defaults(), "nothing before the yes");
      answer(terminal, "yes");
      assert.equal(await terminal.ended(), 0, terminal.screen());
      assert.equal(readFileSync(home.tableFile, "utf8"), defaults() + block());
      assert.equal(statSync(home.tableFile).mode & 0o777, 0o640);
      const path = form.argv.at(-1) ?? "";
      const written = `# mine\nrsh-path=${path}\nuser-domain=mail.test\nrsh-command=%s %s %s %s\ninbox-path={work}INBOX\n`;
      assert.equal(readFileSync(join(home.path, ".pinerc"), "utf8"), written);
      assert.equal(readFileSync(join(home.path, ".pinerc.before-preauth"), "utf8"), had);
      assert.deepEqual(
        readdirSync(join(home.tableFile, "..")).filter((name) => name !== "hosts.toml"),
        [],
      );

      await using again = await start(form, home);
      await again.waitFor(/is this your mail \[yes\]:/, "the mailbox");
      answer(again, "");
      assert.equal(await again.ended(), 0);
      assert.match(again.screen(), /nothing is to be changed/);
      assert.equal(readFileSync(home.tableFile, "utf8"), defaults() + block());

      // Node's form is a script that nobody has made executable here.
      const lines = { rshPath: rshPath(home, form.argv), rshCommand: "%s %s %s %s", inbox: "{work}INBOX" };
      await using alpine = await openAlpine(home, lines);
      await alpine.waitFor(/Minutes of the meeting/, "the list of messages");
      alpine.keys("q");
    },
  );

  test("asks about an unknown host key, and for a passphrase", TIMEOUT, async () => {
    using home = makeHome();
    home.writeTable(defaults(join(home.path, "known_hosts")));
    await using terminal = await start(form, home);
    await terminal.waitFor(/ssh to/, "the destination's question");
    answer(terminal, `${sshd.user}@127.0.0.1:${sshd.port}`);
    await terminal.waitFor(/login name on the server/, "the name's question");
    answer(terminal, "");
    await terminal.waitFor(/the fingerprint/, "the question about the key");
    answer(terminal, "yes");
    await terminal.waitFor(/is this your mail/, "the mailbox");
    answer(terminal, "no");
    assert.equal(await terminal.ended(), 0);
    assert.equal(readFileSync(home.tableFile, "utf8"), defaults(join(home.path, "known_hosts")));
  });

  test("proposes what other configuration names, by number", TIMEOUT, async () => {
    using home = makeHome();
    home.writeTable(defaults());
    home.write(".muttrc", "set folder=imap://joe@mail.isp.com/\n");
    home.write(".pinerc", "inbox-path={work/user=jane}INBOX\n");
    await using terminal = await start(form, home, { words: [] });
    const shown = await terminal.waitFor(/as your mail program will use it \[1\]:/, "the proposals");
    assert.match(shown, /^1 {2}jane@work {2}\(~\/\.pinerc\)$/m);
    assert.match(shown, /^2 {2}joe@mail\.isp\.com {2}\(~\/\.muttrc\)$/m);
    answer(terminal, "2");
    await terminal.waitFor(/ssh to, as \S+ \[mail\.isp\.com\]:/, "the destination's question");
    terminal.keys("C-c");
    assert.equal(await terminal.ended(), 130);
  });

  test("Ctrl-C at any question leaves every file as it was, to the byte", TIMEOUT, async () => {
    for (const last of ["server", "destination", "name", "host key", "mailbox", "INBOX", "write"]) {
      using home = makeHome();
      home.writeTable(last === "host key" ? defaults(join(home.path, "known_hosts")) : defaults());
      home.write(".pinerc", "# mine\nrsh-path=/usr/bin/ssh");
      const before = filesOf(home);
      await using terminal = await start(form, home, last === "server" ? { words: [] } : {});
      if (last === "server") await terminal.waitFor(/as your mail program will use it/, "the first question");
      else if (last === "destination") await terminal.waitFor(/ssh to/, "the destination's question");
      else if (last === "name" || last === "host key") {
        await terminal.waitFor(/ssh to/, "the destination's question");
        answer(terminal, `${sshd.user}@127.0.0.1:${sshd.port}`);
        await terminal.waitFor(/login name/, "the name's question");
        if (last === "host key") answer(terminal, "");
        if (last === "host key") await terminal.waitFor(/the fingerprint/, "the question about the key");
      } else {
        await untilMailbox(terminal);
      }
      if (last === "INBOX" || last === "write") {
        answer(terminal, "");
        await terminal.waitFor(/the INBOX of Alpine/, "the INBOX's question");
      }
      if (last === "write") {
        answer(terminal, "");
        await terminal.waitFor(/\nwrite /, "the last question");
      }
      terminal.keys("C-c");
      assert.equal(await terminal.ended(), 130, last);
      assert.deepEqual(filesOf(home), before, last);
    }
  });

  test("leaves ~/.pinerc alone while Alpine runs, and shows its lines", TIMEOUT, async () => {
    using home = makeHome();
    home.writeTable(defaults());
    using other = makeHome();
    const lines = { rshPath: "/no/such", inbox: "INBOX" };
    await using alpine = await openAlpine(other, lines);
    await alpine.waitFor(/ALPINE/, "Alpine");
    await using terminal = await start(form, home, { under: [] });
    await untilMailbox(terminal);
    answer(terminal, "");
    await terminal.waitFor(/the INBOX of Alpine/, "the INBOX's question");
    answer(terminal, "");
    const shown = await terminal.waitFor(/\nwrite \S*hosts\.toml \[yes\]:/, "the last question");
    assert.match(shown, /Alpine runs/);
    assert.match(shown, /^\+inbox-path=\{work\}INBOX$/m);
    answer(terminal, "");
    assert.equal(await terminal.ended(), 0);
    assert.equal(readFileSync(home.tableFile, "utf8"), defaults() + block());
    assert.equal(existsSync(join(home.path, ".pinerc")), false);
    alpine.keys("q");
  });

  test("keeps the link to a table in a repository of dotfiles", TIMEOUT, async () => {
    using home = makeHome();
    home.writeTable(defaults());
    mkdirSync(join(home.path, "dotfiles"), { mode: 0o700 });
    const real = join(home.path, "dotfiles/table.toml");
    renameSync(home.tableFile, real);
    home.link("config/preauth/hosts.toml", "../../dotfiles/table.toml");
    await using terminal = await start(form, home, { columns: 40 });
    await terminal.waitFor(/ssh to, as/, "the destination's question");
    answer(terminal, `${sshd.user}@127.0.0.1:${sshd.port}`);
    await terminal.waitFor(/login name on the server/, "the name's question");
    answer(terminal, "");
    await terminal.waitFor(/is this your mail/, "the mailbox");
    answer(terminal, "");
    await terminal.waitFor(/the INBOX of Alpine/, "the INBOX's question");
    answer(terminal, "no");
    await terminal.waitFor(/write /, "the last question");
    answer(terminal, "");
    assert.equal(await terminal.ended(), 0, terminal.screen());
    assert.equal(lstatSync(home.tableFile).isSymbolicLink(), true);
    assert.equal(readFileSync(real, "utf8"), defaults() + block());
  });

  for (const [title, under, code] of [
    [
      "a home that cannot be written",
      [...withoutPrivileges(), "sh", "-c", 'chmod -R a-w "$HOME"; exec "$@"', "sh"],
      "EACCES",
    ],
    [
      "a disk that is full",
      [
        ...[program("unshare"), "--mount", "--propagation", "private", "sh", "-c"],
        'cp -a "$HOME" "$HOME.copy"; mount -t tmpfs -o size=40k t "$HOME"; cp -a "$HOME.copy/." "$HOME"; rm -r "$HOME.copy"; cat /dev/zero >"$HOME/full" 2>/dev/null; "$@"; s=$?; cp -a "$HOME/config" "$0"; exit $s',
        "OUT",
      ],
      "ENOSPC",
    ],
  ] as const) {
    test(`leaves ${title} as it was, and says so`, { ...TIMEOUT, skip: skipUnlessRoot }, async () => {
      using home = makeHome();
      using out = makeHome();
      home.writeTable(defaults());
      const words = [
        ...under.map((word) => (word === "OUT" ? out.path : word)),
        ...form.argv,
        "--init",
        "work",
      ];
      await using terminal = await openTerminal(words, { env: home.env, columns: 100, rows: 60 });
      await untilMailbox(terminal);
      answer(terminal, "");
      await terminal.waitFor(/the INBOX of Alpine/, "the INBOX's question");
      answer(terminal, "");
      await terminal.waitFor(/\nwrite /, "the last question");
      answer(terminal, "");
      assert.equal(await terminal.ended(), 78, terminal.screen());
      assert.match(terminal.screen(), new RegExp(`cannot be written \\(${code}\\)`));
      const folder = code === "ENOSPC" ? join(out.path, "config/preauth") : join(home.tableFile, "..");
      assert.equal(readFileSync(join(folder, "hosts.toml"), "utf8"), defaults());
      assert.deepEqual(readdirSync(folder), ["hosts.toml"]);
    });
  }
});

describeForms("--init without a terminal", { concurrency: 2 }, (form) => {
  test("prints what it would write, from nothing, and writes nothing", async () => {
    using home = makeHome();
    for (const words of [["work"], ["--print", "work"]]) {
      const { status, text, stderr } = await print(form, home, words);
      const path = form.argv.at(-1) ?? "";
      assert.equal(
        text.replace(/ \S*config\/preauth/g, " DIR"),
        `--- /dev/null\n+++ DIR/hosts.toml\n+[[host]]\n+match = "work"\n+user = "${sshd.user}"\n--- /dev/null\n+++ ~/.pinerc\n+rsh-path=${path}\n+rsh-command=%s %s %s %s\n+inbox-path={work}INBOX\n`,
      );
      assert.deepEqual([status, stderr], [0, ""]);
    }
    assert.deepEqual(readdirSync(home.path), ["run"]);
  });

  test("takes the first server that is named somewhere, with its user", async () => {
    using home = makeHome();
    home.write(".mbsyncrc", "IMAPAccount a\nHost mail.isp.com\nUser joe\n");
    const { text } = await print(form, home);
    assert.match(text, /^\+match = "mail\.isp\.com"\n\+user = "joe"$/m);
  });

  test("needs a SERVER where nothing names one: 64; and touches no table that is wrong: 78", async () => {
    using home = makeHome();
    const none = await print(form, home);
    assert.equal(
      none.stderr,
      "preauth: usage: --init needs a SERVER: no mail program or ssh_config names one\n",
    );
    assert.equal(none.status, 64);
    home.writeTable("nonsense");
    assert.equal((await print(form, home, ["work"])).status, 78);
    home.writeTable('host = [{ match = "other" }]\n');
    const list = await print(form, home, ["work"]);
    assert.match(list.stderr, /has its hosts in a list[\s\S]*: \{ match = "work", user = "\w+" \}\n$/);
    assert.equal(list.status, 78);
  });
});
