import assert from "node:assert/strict";
import { test } from "node:test";
import { describeForms, type Form } from "../../peers/binaries.ts";
import { runCall } from "../../peers/call.ts";
import { program } from "../../peers/programs.ts";
import { makeSendmail } from "../../peers/sendmail.ts";
import { openTerminal, type Terminal } from "../../peers/terminal.ts";
import { makeScene, writeLetter } from "./recipe_home.ts";
import { type Replacements, recipe } from "./recipes.ts";

const TIMEOUT = { timeout: 60_000 };
const SENDMAIL = "/usr/sbin/sendmail";

/** The text of a letter, with what a sendmail could take for its end. */
const LETTER = "It works.\n.\nTo the end.\n";

/** A table's line in the recipe that is changed, and what mutt and preauth say then. */
const FAILURES: readonly {
  readonly status: number;
  readonly said: RegExp;
  readonly lines?: Replacements;
  readonly stop?: boolean;
}[] = [
  { status: 69, said: /^preauth: work: connection refused/m, stop: true },
  { status: 77, said: /^preauth: work: /m, lines: { "[[host]]": '[[host]]\nknown_hosts = "/nowhere"' } },
  { status: 1, said: /^preauth: work: not in the table /m, lines: { '"work"': '"elsewhere"' } },
  { status: 127, said: /^preauth: work: sendmail ended with status 127/m, lines: { [SENDMAIL]: "/nowhere" } },
];

/** What mutt needs to send: the recipe's files, and a server behind them. */
async function postScene(form: Form, changes: Replacements = {}) {
  const sendmail = makeSendmail();
  const scene = await makeScene(form, "sendmail", { [SENDMAIL]: sendmail.path, ...changes });
  scene.home.write("bin/sendmail-work", recipe("sendmail", "script"), 0o755);
  const muttWords = (name: string): readonly string[] => {
    const own = "set copy=no editor=true abort_unmodified=no folder=~\n";
    const file = scene.home.write("muttrc", `${own}${recipe("sendmail", name)}`);
    return [program("mutt"), "-n", "-F", file, "-s", "From mutt"];
  };
  return {
    scene,
    sendmail,
    muttWords,
    /** Real mutt with a file of the recipe, sending LETTER. */
    mutt: (name: string, words: readonly string[]) =>
      runCall([...muttWords(name), ...words], { env: scene.env, stdio: "pipes", input: LETTER }),
    [Symbol.asyncDispose]: async () => {
      await scene[Symbol.asyncDispose]();
      sendmail[Symbol.dispose]();
    },
  };
}

/** The keys for a letter whose recipients and subject mutt was given with its words. */
async function sendFrom(mutt: Terminal): Promise<void> {
  await mutt.waitFor(/^To: joe@isp\.com/m, "the question for the recipients");
  mutt.keys("Enter");
  await mutt.waitFor(/^Subject: From mutt/m, "the question for the subject");
  mutt.keys("Enter");
  await mutt.waitFor(/y:Send/, "the composer");
  mutt.keys("y");
}

/** Whom `sendmail -t` sends a letter to, each once. */
function recipientsOf(text: string): readonly string[] {
  const [header = ""] = text.split("\n\n");
  const found = header.matchAll(/^(?:to|cc|bcc): (.*)$/gim);
  return [...new Set([...found].map(([, address = ""]) => address))].sort();
}

describeForms("a sendmail behind SSH", { concurrency: 2 }, (form) => {
  test("gets Alpine's letters by sendmail-path, with those of Bcc", TIMEOUT, async () => {
    using sendmail = makeSendmail();
    await using scene = await makeScene(form, "sendmail", { [SENDMAIL]: sendmail.path });
    await using alpine = await scene.alpine({ "/usr/local/bin/preauth": scene.preauth }, [
      "customized-hdrs=Bcc: ann@isp.com",
    ]);
    await writeLetter(alpine);
    const { text, words } = await sendmail.posted();
    assert.deepEqual(words, ["-t", "-oi"]);
    assert.match(text, /^To: joe@isp\.com\r?$/m);
    assert.match(text, /^Bcc: ann@isp\.com\r?$/im);
    assert.match(text, /^Subject: Sent by recipe\r?$/m);
    assert.match(text, /^It works\.\r?$/m);
    await alpine.waitFor(/MESSAGE INDEX/, "the list again");
    alpine.keys("q");
    assert.equal(await alpine.ended(), 0);
  });

  test("gets mutt's letters, by the words that mutt makes", TIMEOUT, async () => {
    await using post = await postScene(form);
    const { status, stderr } = await post.mutt("muttrc", ["-c", "Carl <carl@isp.com>", "joe@isp.com"]);
    assert.equal(status, 0, stderr);
    const { text, words } = await post.sendmail.posted();
    assert.deepEqual(words, ["-t", "-oi"]);
    assert.match(text, /^To: joe@isp\.com$/m);
    assert.match(text, /^Cc: Carl <carl@isp\.com>$/m);
    assert.match(text, /^Subject: From mutt$/m);
    assert.ok(text.endsWith(LETTER), text);
  });

  test("gets no letter of mutt's without those of Bcc", TIMEOUT, async () => {
    await using post = await postScene(form);
    const { status, stderr } = await post.mutt("muttrc", ["-b", "ann@isp.com", "joe@isp.com"]);
    if (status === 0) {
      // A mutt that heeds write_bcc.
      assert.match((await post.sendmail.posted()).text, /^Bcc: ann@isp\.com$/m);
    } else {
      assert.match(
        stderr,
        /^preauth: message: no To, Cc or Bcc names "ann@isp\.com"; nothing has been sent$/m,
      );
      assert.match(stderr, /child exited 64/);
      assert.equal(post.scene.sshd.connections(), 0);
    }
  });

  test("gets the letters of Debian's mutt through the script, with those of Bcc", TIMEOUT, async () => {
    await using post = await postScene(form);
    const words = ["-b", "ann@isp.com", "-c", "carl@isp.com", "joe@isp.com"];
    const { status, stderr } = await post.mutt("bcc-muttrc", words);
    assert.equal(status, 0, stderr);
    const { text } = await post.sendmail.posted();
    assert.deepEqual(recipientsOf(text), ["ann@isp.com", "carl@isp.com", "joe@isp.com"]);
    assert.match(text, /^To: joe@isp\.com$/m);
    assert.ok(text.endsWith(LETTER), text);
  });

  test("gets the letter that is written in mutt on a screen", TIMEOUT, async () => {
    await using post = await postScene(form);
    for (const [n, file] of ["muttrc", "bcc-muttrc"].entries()) {
      const bcc = file === "muttrc" ? [] : ["-b", "ann@isp.com"];
      const words = [...post.muttWords(file), ...bcc, "joe@isp.com"];
      await using mutt = await openTerminal(words, { env: post.scene.env, columns: 200 });
      await sendFrom(mutt);
      assert.equal(await mutt.ended(), 0, mutt.screen());
      const { text } = await post.sendmail.posted(n + 1);
      assert.deepEqual(recipientsOf(text), [...bcc.slice(1), "joe@isp.com"]);
    }
  });

  test("that gets nothing: mutt keeps the letter, and the log has the reason", TIMEOUT, async () => {
    await using post = await postScene(form);
    const words = [...post.muttWords("muttrc"), "-b", "ann@isp.com", "joe@isp.com"];
    await using mutt = await openTerminal(words, { env: post.scene.env, columns: 200 });
    await sendFrom(mutt);
    await mutt.waitFor(/child exited 64/, "mutt's line");
    await mutt.waitFor(/y:Send/, "the composer again");
    assert.match(post.scene.home.log(), / message: no To, Cc or Bcc names "ann@isp\.com"/);
  });

  for (const { status, said, lines, stop } of FAILURES) {
    test(`fails with ${status} as the document says`, TIMEOUT, async () => {
      await using post = await postScene(form, lines);
      if (stop) await post.scene.sshd.stop();
      const ended = await post.mutt("muttrc", ["joe@isp.com"]);
      assert.match(ended.stderr, new RegExp(`child exited ${status}\\b`));
      assert.match(ended.stderr, said);
    });
  }
});
