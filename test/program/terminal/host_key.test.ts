import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { describeForms } from "../../peers/binaries.ts";
import { runCall } from "../../peers/call.ts";
import { type Mailbox, makeMailbox } from "../../peers/dovecot.ts";
import { type Home, type HostLines, makeHome, tableFor } from "../../peers/home.ts";
import { hostKeyName } from "../../peers/keys.ts";
import { type Sshd, startSshd } from "../../peers/sshd.ts";
import { openWatched } from "./watched.ts";

let sshd: Sshd;
let mailbox: Mailbox;
before(async () => {
  sshd = await startSshd();
  mailbox = makeMailbox();
});
after(async () => {
  await sshd.stop();
  mailbox[Symbol.dispose]();
});

/** A home whose table leads "work" to the sshd, with a known_hosts that does not have it. */
function sceneFor(keys: HostLines = {}): { readonly home: Home; readonly file: string } {
  const home = makeHome();
  const file = sshd.knownHostsFile("empty");
  home.writeTable(
    tableFor(sshd, { match: "work", known_hosts: file, "commands.imap": mailbox.command, ...keys }),
  );
  return { home, file };
}

const QUESTION = /SHA256:[\s\S]*\? *\s*$/;
const written = () => `${hostKeyName("127.0.0.1", sshd.port)} ${sshd.hostKeys[0]?.line}\n`;

describeForms("an unknown host key on a terminal", { concurrency: 4 }, (form) => {
  for (const [verb, success] of [
    ["--check", /ended with status 0/],
    ["--login", /press Ctrl-C to end it/],
  ] as const) {
    const words = [...form.argv, verb, "work"];

    test(`${verb} shows it, asks, and writes it down after a yes`, async () => {
      const { home, file } = sceneFor();
      await using terminal = await openWatched(words, home);
      const screen = await terminal.waitFor(QUESTION, "the question");
      assert.match(screen, /ssh-ed25519 SHA256:\S+/);
      assert.equal(readFileSync(file, "utf8"), "");
      terminal.type("yes\n");
      await terminal.waitFor(success, "the login");
      assert.equal(readFileSync(file, "utf8"), written());
      if (verb === "--login") terminal.keys("C-c");
      assert.equal(await terminal.ended(), 0);
      home[Symbol.dispose]();
    });

    test(`${verb} does not log in after a no: 77`, async () => {
      const { home, file } = sceneFor();
      await using terminal = await openWatched(words, home);
      await terminal.waitFor(QUESTION, "the question");
      terminal.type("no\n");
      assert.equal(await terminal.ended(), 77);
      assert.match(terminal.screen(), /^preauth: work: host key not accepted/m);
      assert.equal(readFileSync(file, "utf8"), "");
      home[Symbol.dispose]();
    });

    for (const [key, status] of [
      ["C-c", 130],
      ["C-d", 69],
    ] as const) {
      test(`${verb} does not log in after ${key}: ${status}`, async () => {
        const { home, file } = sceneFor();
        await using terminal = await openWatched(words, home);
        await terminal.waitFor(QUESTION, "the question");
        terminal.keys(key);
        assert.equal(await terminal.ended(), status);
        assert.equal(readFileSync(file, "utf8"), "");
        const { before, after } = terminal.settings();
        assert.equal(after, before);
        home[Symbol.dispose]();
      });
    }

    test(`${verb} does not ask about a key that has changed`, async () => {
      const file = sshd.knownHostsFile("wrong");
      const { home } = sceneFor({ known_hosts: file });
      const content = readFileSync(file, "utf8");
      await using terminal = await openWatched(words, home);
      assert.equal(await terminal.ended(), 77);
      assert.match(terminal.screen(), /^preauth: work: host key changed/m);
      assert.equal(readFileSync(file, "utf8"), content);
      home[Symbol.dispose]();
    });
  }

  test("--check asks on the terminal when its results go into a file, and does not count the time", async () => {
    const { home } = sceneFor({ deadline: "4s" });
    const out = `${home.path}/out`;
    const words = ["/bin/sh", "-c", '"$@" >"$0"', out, ...form.argv, "--check", "work"];
    await using terminal = await openWatched(words, home);
    await terminal.waitFor(QUESTION, "the question");
    await pause(4_500);
    terminal.type("yes\n");
    assert.equal(await terminal.ended(), 0);
    assert.match(readFileSync(out, "utf8"), /^greeting after [0-3]\.\d\d s, in time/m);
    assert.doesNotMatch(readFileSync(out, "utf8"), /\?/);
    home[Symbol.dispose]();
  });

  test("--check does not ask without a terminal as input", async () => {
    const { home, file } = sceneFor();
    const words = [...form.argv, "--check", "work"];
    const { status, stderr } = await runCall(words, { env: home.env, stdio: "pipes", input: "yes\n" });
    assert.match(stderr, /^preauth: work: host key unknown/);
    assert.equal(status, 77);
    await using terminal = await openWatched(["/bin/sh", "-c", '"$@" </dev/null', "sh", ...words], home);
    assert.equal(await terminal.ended(), 77);
    assert.equal(readFileSync(file, "utf8"), "");
    home[Symbol.dispose]();
  });

  test("a mail call does not ask on a terminal", async () => {
    const { home, file } = sceneFor();
    await using terminal = await openWatched([...form.argv, "work", "jane", "imap"], home);
    assert.equal(await terminal.ended(), 77);
    assert.match(terminal.screen(), /^preauth: work: host key unknown/m);
    assert.equal(readFileSync(file, "utf8"), "");
    home[Symbol.dispose]();
  });
});
