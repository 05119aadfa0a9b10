import assert from "node:assert/strict";
import { mkdirSync, renameSync } from "node:fs";
import { test } from "node:test";
import { describeForms, type Form } from "../../peers/binaries.ts";
import { runCall, startCall } from "../../peers/call.ts";
import { makeMailbox } from "../../peers/dovecot.ts";
import { type Home, makeHome, tableFor } from "../../peers/home.ts";
import { startSshd } from "../../peers/sshd.ts";
import { trace } from "../../peers/strace.ts";

async function run(form: Form, home: Home, words: readonly string[], under: readonly string[] = []) {
  const argv = [...form.argv, ...words];
  const { status, output, stderr } = await runCall(argv, { env: home.env, stdio: "pipes", under });
  return { status, stderr, lines: output.toString().trimEnd().split("\n") };
}

const TABLE = `[defaults]
user = "joe"

[[host]]
match = "work"
server = "imap.example.org"
user = "jane"
port = 2222

[[host]]
match = ["clueful.isp.com", "*.clueful.isp.com", "!www.clueful.isp.com"]

[[forward]]
name = "smtp"
listen = 2025
to = "mail:25"
via = "*.clueful.isp.com"

[[forward]]
name = "news"
listen = 2119
to = "news:119"
`;

describeForms("--hosts", { concurrency: 2 }, (form) => {
  test("lists each [[host]] with its globs, where it leads, its forwards, what is held, and its place", async () => {
    using home = makeHome();
    home.writeTable(TABLE);
    const traced = trace(home, ["connect", "execve"]);
    const { status, lines } = await run(form, home, ["--hosts"], traced.under);
    assert.deepEqual(
      lines.map((line) => line.split(/ {2,}/)),
      [
        ["MATCH", "LEADS TO", "FORWARDS", "HELD", "AT"],
        ["work", "jane@imap.example.org:2222", "news", "-", "hosts.toml:4:1"],
        [
          "clueful.isp.com *.clueful.isp.com !www.clueful.isp.com",
          "joe@itself",
          "smtp news",
          "-",
          "hosts.toml:10:1",
        ],
      ],
    );
    assert.equal(status, 0);
    assert.deepEqual(
      traced.lines().filter((line) => /AF_INET|"ssh"/.test(line)),
      [],
    );
  });

  test("says which connections are held, and how many mailboxes are open", { timeout: 60_000 }, async () => {
    using home = makeHome();
    using mailbox = makeMailbox();
    await using sshd = await startSshd();
    const keys = { match: "work", "commands.imap": mailbox.command, share: true };
    home.writeTable(`${tableFor(sshd, keys)}\n[[host]]\nmatch = "other"\n`);
    await using call = await startCall([...form.argv, "work", sshd.user, "imap"], { env: home.env });
    await call.readUntil(/PREAUTH/);
    const { lines } = await run(form, home, ["--hosts"]);
    assert.match(lines[1] ?? "", /^work .* 1 open {2}hosts/);
    assert.match(lines[2] ?? "", /^other .* - {2,}hosts/);
  });

  test("without a table says so: 78; with an empty one, too: 0", async () => {
    using home = makeHome();
    const none = await run(form, home, ["--hosts"]);
    assert.match(none.stderr, /hosts\.toml: no such table\n/);
    assert.equal(none.status, 78);
    home.writeTable("");
    const { status, lines } = await run(form, home, ["--hosts"]);
    assert.match(lines[0] ?? "", /has no \[\[host\]\]/);
    assert.equal(status, 0);
  });

  test("follows a link to the table, as into a repository of dotfiles", async () => {
    using home = makeHome();
    home.writeTable(TABLE);
    mkdirSync(`${home.path}/dotfiles`, { mode: 0o700 });
    renameSync(home.tableFile, `${home.path}/dotfiles/table.toml`);
    home.link("config/preauth/hosts.toml", "../../dotfiles/table.toml");
    assert.equal((await run(form, home, ["--hosts"])).lines.length, 3);
  });
});

/** What --explain says of a whole table. */
async function warnings(form: Form, text: string): Promise<readonly string[]> {
  using home = makeHome();
  home.writeTable(text);
  const { lines, status } = await run(form, home, ["--explain"]);
  assert.equal(status, 0);
  return lines.slice(1);
}

describeForms("--explain without SERVER", { concurrency: 2 }, (form) => {
  const host = (match: string, more = 'server = "localhost"\nssh_config = "none"') =>
    `[[host]]\nmatch = ${match}\n${more}\n`;

  test("finds nothing in a table that is right", async () => {
    const text = `${host('"work"')}${host('["*.isp.com", "!www.isp.com"]')}${host('"www.isp.com"')}`;
    assert.deepEqual(await warnings(form, text), ["nothing is wrong with it"]);
  });

  for (const [title, text, told] of [
    [
      "a second [[host]] with the same globs",
      host('["a", "b"]') + host('"B."'),
      'hosts.toml:6:1: "B." is never reached: [[host]] 1 matches all of it first',
    ],
    [
      "a glob below a wider one",
      host('"*.isp.com"') + host('["new.org", "mail.isp.com"]'),
      'hosts.toml:6:21: "mail.isp.com" is never reached: [[host]] 1 matches all of it first',
    ],
    [
      "braces",
      host('"{work}"'),
      'hosts.toml:2:1: "{work}" never matches, since no SERVER has a "{" in it: write "work"',
    ],
    [
      "a dash at the beginning",
      host('["work", "-work"]'),
      'hosts.toml:2:18: "-work" never matches, since no SERVER begins with a dash',
    ],
    [
      "a list of nothing but exclusions",
      host('"!work"'),
      "hosts.toml:2:1: it matches nothing: every glob begins with an exclamation mark",
    ],
    [
      "a name that is not found, without server",
      host('"no-such-host.invalid"', 'ssh_config = "none"'),
      'hosts.toml:2:1: no-such-host.invalid: cannot find the name "no-such-host.invalid": name what to ssh to with server = "..."',
    ],
    [
      "a server that is not found",
      host('"work"', 'ssh_config = "none"\nserver = "no-such-host.invalid"'),
      'hosts.toml:2:1: work: cannot find the name "no-such-host.invalid"',
    ],
    [
      "a forward that nobody carries",
      `${host('"work"')}[[forward]]\nname = "smtp"\nlisten = 2025\nto = "mail:25"\nvia = "wrok"\n`,
      'hosts.toml:9:1: no [[host]] has a SERVER that carries "smtp"',
    ],
  ] as const) {
    test(`warns of ${title}`, async () => {
      const found = await warnings(form, text);
      // Where no name server answers that is said, too.
      assert.deepEqual(
        found.map((line) => line.replace(": no name server answers", "")),
        [told],
      );
    });
  }

  test("says what is wrong with a table that is wrong: 78", async () => {
    using home = makeHome();
    home.writeTable("[[host]]\n");
    const { status, stderr } = await run(form, home, ["--explain"]);
    assert.match(stderr, /hosts\.toml:1:1: \[\[host\]\] has no match/);
    assert.equal(status, 78);
  });
});
