import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { forms } from "../../peers/binaries.ts";
import { runCall } from "../../peers/call.ts";
import { makeMailbox } from "../../peers/dovecot.ts";
import { program } from "../../peers/programs.ts";
import { startSmtp } from "../../peers/smtp.ts";
import { openTerminal } from "../../peers/terminal.ts";
import { poll } from "../../peers/waiting.ts";
import { freePort } from "../../unit/forwards/fixtures.ts";
import { makeScene, type Scene } from "./recipe_home.ts";
import { recipe } from "./recipes.ts";

const TIMEOUT = { timeout: 60_000 };

// These programs call either form alike.
const [form = assert.fail()] = forms;

/** Nothing of whoever runs the test, and no questions. */
const QUIET = 'set folder=~ quit=yes wait_key=no record="" postponed="" mark_old=no\n';

/** Real mutt or neomutt on a file of the recipe. */
function openReader(scene: Scene, name: "mutt" | "neomutt", block: string) {
  const file = scene.home.write(`${name}rc`, `${QUIET}${recipe("readers", block)}`);
  return openTerminal([program(name), "-n", "-F", file], { env: scene.env, columns: 200 });
}

/** What a program says that is run to its end. */
async function run(scene: Scene, words: readonly string[], input = "") {
  const { status, output, stderr } = await runCall(words, { env: scene.env, stdio: "pipes", input });
  return { status, said: output.toString("latin1") + stderr };
}

/** A table that leads to a host key which is not the server's. */
const REFUSED = { 'user = "jane"': 'user = "jane"\nknown_hosts = "/nowhere"' };

describe("a recipe for a program that reads mail", { concurrency: 2 }, () => {
  test("has neomutt open INBOX and a message", TIMEOUT, async () => {
    await using scene = await makeScene(form, "readers");
    await using neomutt = await openReader(scene, "neomutt", "neomuttrc");
    await neomutt.waitFor(/Minutes of the meeting/, "the list of messages");
    neomutt.keys("Enter");
    await neomutt.waitFor(/came through an SSH connection/, "the first message");
    neomutt.keys("q", "q");
    assert.equal(await neomutt.ended(), 0);
  });

  test("is right about what neomutt shows of a refusal", TIMEOUT, async () => {
    await using scene = await makeScene(form, "readers", REFUSED);
    await using neomutt = await openReader(scene, "neomutt", "neomuttrc");
    await neomutt.waitFor(/Unable to open mailbox/, "that it has none");
    neomutt.type(":exec error-history");
    neomutt.keys("Enter");
    await neomutt.waitFor(/preauth: work: host key unknown/, "the reason");
  });

  for (const on_failure of ["refuse", "tell"]) {
    test(`is right about what mutt shows of a refusal with "${on_failure}"`, TIMEOUT, async () => {
      const keys = `known_hosts = "/nowhere"\non_failure = "${on_failure}"`;
      await using scene = await makeScene(form, "readers", { 'user = "jane"': `user = "jane"\n${keys}` });
      await using mutt = await openReader(scene, "mutt", "accounts");
      // It shows each for a while, and takes keys then.
      await mutt.waitFor(
        /Tunnel to work returned error 77|preauth: work: host key unknown/,
        "one of the two",
      );
      // What is typed before an error is thrown away.
      let said: string | undefined;
      for (let left = 5; said === undefined && left > 0; left--) {
        mutt.type(":exec error-history");
        mutt.keys("Enter");
        said = await mutt.waitFor(/Error History/, "what it has shown", 5_000).catch(() => undefined);
      }
      assert.ok(said, mutt.screen());
      assert.match(said, /preauth: work: host key unknown/);
      assert.match(said, /Tunnel to work returned error 77/);
    });
  }

  for (const name of ["mutt", "neomutt"] as const) {
    test(`has ${name} open the mailboxes of two accounts`, TIMEOUT, async () => {
      await using scene = await makeScene(form, "readers");
      await using reader = await openReader(scene, name, "accounts");
      await reader.waitFor(/Minutes of the meeting/, "the list of messages");
      reader.keys("c");
      await reader.waitFor(/Open mailbox/, "the question for the folder");
      // A new message in another mailbox may be proposed.
      reader.keys("C-u");
      reader.type("imap://jane@club/INBOX");
      reader.keys("Enter");
      // The screen has the name of the other account, and a list of messages, before it is open.
      const { home } = scene;
      await poll(
        () => / club: imap: open /.test(home.log()),
        "the other account",
        () => home.log(),
      );
      await reader.waitFor(/Minutes of the meeting/, "its messages");
      reader.keys("q");
      assert.equal(await reader.ended(), 0);
    });
  }

  test("has interimap copy the mailboxes of one server to another", TIMEOUT, async () => {
    await using scene = await makeScene(form, "readers");
    using local = makeMailbox({ inbox: [], archive: [] });
    const changes = { "doveadm exec imap": local.argv.join(" "), "/usr/local/bin/preauth": scene.preauth };
    const config = scene.home.write("interimap", recipe("readers", "interimap", changes));
    scene.home.write("data/interimap/nothing", "");
    const env = { ...scene.env, XDG_DATA_HOME: join(scene.home.path, "data") };
    const { status, stderr } = await runCall([program("interimap"), `--config=${config}`], {
      env,
      stdio: "pipes",
    });
    assert.equal(status, 0, stderr);
    const copied = ["new", "cur"].flatMap((name) => readdirSync(join(local.path, "Mail", name)));
    assert.equal(copied.length, scene.mailbox.subjects.length);
  });

  test("has pullimap deliver each message", TIMEOUT, async () => {
    await using smtp = await startSmtp(await freePort());
    await using scene = await makeScene(form, "readers");
    const changes = { "/usr/local/bin/preauth": scene.preauth, ":25": `:${smtp.port}` };
    const config = scene.home.write("pullimap", recipe("readers", "pullimap", changes));
    scene.home.write("data/pullimap/nothing", "");
    const env = { ...scene.env, XDG_DATA_HOME: join(scene.home.path, "data") };
    const words = [program("pullimap"), `--config=${config}`, "work"];
    const { status, stderr } = await runCall(words, { env, stdio: "pipes" });
    assert.equal(status, 0, stderr);
    assert.match((await smtp.letter()).text, /^Subject: Welcome aboard$/m);
  });

  test("has git put a patch into a folder", TIMEOUT, async () => {
    await using scene = await makeScene(form, "readers");
    const folder = join(scene.home.path, "repository");
    mkdirSync(folder);
    const own = "[user]\n\tname = Jane\n\temail = jane@example.org\n";
    scene.home.write(".gitconfig", `${own}${recipe("readers", "gitconfig")}`);
    const git = (...words: string[]) =>
      execFileSync(program("git"), ["-C", folder, ...words], { env: scene.env, encoding: "utf8" });
    git("init", "-q");
    scene.home.write("repository/file", "text\n");
    git("add", "file");
    git("commit", "-qm", "Put there by git");
    const patch = git("format-patch", "--stdout", "--root", "-1");
    const { status, said } = await run(scene, [program("git"), "-C", folder, "imap-send"], patch);
    assert.equal(status, 0, said);
    const drafts = join(scene.mailbox.path, "Maildir", ".Drafts");
    assert.equal(["new", "cur"].flatMap((name) => readdirSync(join(drafts, name))).length, 1);
  });

  test("is right about what programs show of a refusal that run to their end", TIMEOUT, async () => {
    await using scene = await makeScene(form, "readers", REFUSED);
    const line = /preauth: work: host key unknown /;
    const changes = { "/usr/local/bin/preauth": scene.preauth };
    scene.home.write(".gitconfig", recipe("readers", "gitconfig"));
    const pull = scene.home.write("pullimap", recipe("readers", "pullimap", changes));
    using mailbox = makeMailbox();
    const local = { "doveadm exec imap": mailbox.argv.join(" ") };
    const inter = scene.home.write("interimap", recipe("readers", "interimap", { ...changes, ...local }));
    scene.home.write(".local/share/interimap/nothing", "");
    scene.home.write(".local/share/pullimap/nothing", "");
    for (const words of [
      [program("git"), "imap-send"],
      [program("pullimap"), `--config=${pull}`, "work"],
      [program("interimap"), `--config=${inter}`],
    ]) {
      const { status, said } = await run(
        scene,
        words,
        "From 0123456789012345678901234567890123456789 Mon Sep 17 00:00:00 2001\nFrom: a@b.c\nDate: Mon, 1 Jan 2024 12:00:00 +0000\nSubject: y\n\nz\n",
      );
      assert.match(said, line, words[0]);
      assert.notEqual(status, 0, words[0]);
    }
  });
});
