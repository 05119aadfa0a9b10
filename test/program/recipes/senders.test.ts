import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { describeForms, type Form } from "../../peers/binaries.ts";
import { type Finished, runCall } from "../../peers/call.ts";
import { program } from "../../peers/programs.ts";
import { makeSendmail, type Posted } from "../../peers/sendmail.ts";
import { makeScene } from "./recipe_home.ts";
import { recipe } from "./recipes.ts";

const TIMEOUT = { timeout: 60_000 };

/** What a mail program is started with. */
interface Sender {
  readonly home: string;
  readonly env: Readonly<Record<string, string>>;
  /** Writes a file below the home, and gives its path. */
  readonly write: (name: string, text: string) => string;
}

/** Lets a mail program send by the recipe; gives how it ended, and what the sendmail on the server has got. */
async function send(
  form: Form,
  start: (sender: Sender) => readonly string[],
  input = "",
): Promise<{ readonly ended: Finished; readonly posted: () => Promise<Posted> } & AsyncDisposable> {
  const sendmail = makeSendmail();
  const scene = await makeScene(form, "sendmail", { "/usr/sbin/sendmail": sendmail.path });
  const env = { ...scene.env, EMAIL: "jane@example.org" };
  const { path: home, write } = scene.home;
  const ended = await runCall(start({ home, env, write }), { env, stdio: "pipes", input });
  return {
    ended,
    posted: () => sendmail.posted(),
    [Symbol.asyncDispose]: async () => {
      await scene[Symbol.asyncDispose]();
      sendmail[Symbol.dispose]();
    },
  };
}

/** A repository of one commit, and the words that send it as a patch. */
function gitWords({ home, env, write }: Sender, more: readonly string[] = []): readonly string[] {
  const folder = join(home, "repository");
  mkdirSync(folder);
  write(
    ".gitconfig",
    `[user]\n\tname = Jane\n\temail = jane@example.org\n${recipe("sendmail", "gitconfig")}`,
  );
  const git = (...words: string[]) =>
    execFileSync(program("git"), ["-C", folder, ...words], { env, stdio: "ignore" });
  git("init");
  git("commit", "--allow-empty", "-m", "First");
  write("repository/file", "text\n");
  git("add", "file");
  git("commit", "-m", "Sent by git");
  return [program("git"), "-C", folder, "send-email", "--confirm=never", ...more, "-1"];
}

describeForms("a sendmail behind SSH, called with a sender", { concurrency: 3 }, (form) => {
  test("gets mutt's letters with use_envelope_from", TIMEOUT, async () => {
    await using sent = await send(
      form,
      ({ write }) => {
        const own = "set copy=no editor=true abort_unmodified=no folder=~ from=jane@example.org\n";
        // It says these by -N, -R and -B.
        const more = "\nset dsn_notify=failure,delay dsn_return=hdrs use_8bitmime=yes\n";
        const file = write("muttrc", `${own}${recipe("sendmail", "envelope-muttrc")}${more}`);
        return [program("mutt"), "-n", "-F", file, "-s", "From mutt", "joe@isp.com"];
      },
      "It works.\n",
    );
    assert.equal(sent.ended.status, 0, sent.ended.stderr);
    const { words, text } = await sent.posted();
    assert.deepEqual(words, ["-t", "-oi", "-f", "jane@example.org"]);
    assert.match(text, /^To: joe@isp\.com$/m);
    assert.ok(text.endsWith("It works.\n"), text);
  });

  test("gets git's patches", TIMEOUT, async () => {
    await using sent = await send(form, (sender) =>
      gitWords(sender, ["--to=joe@isp.com", "--cc=ann@isp.com"]),
    );
    assert.equal(sent.ended.status, 0, sent.ended.stderr);
    const { words, text } = await sent.posted();
    assert.deepEqual(words, ["-t", "-oi", "-f", "jane@example.org"]);
    assert.match(text, /^To: joe@isp\.com$/m);
    assert.match(text, /^Cc: ann@isp\.com/m);
    assert.match(text, /^Subject: \[PATCH\] Sent by git$/m);
  });

  test("gets no patch of git's without those of Bcc", TIMEOUT, async () => {
    await using sent = await send(form, (sender) =>
      gitWords(sender, ["--to=joe@isp.com", "--bcc=ann@isp.com"]),
    );
    assert.notEqual(sent.ended.status, 0);
    assert.match(
      sent.ended.stderr,
      /^preauth: message: no To, Cc or Bcc names "ann@isp\.com"; nothing has been sent$/m,
    );
  });

  test("gets the letters of Emacs", TIMEOUT, async () => {
    await using sent = await send(form, ({ write }) => {
      const letter = [
        '(setq user-full-name "Jane" user-mail-address "jane@example.org" message-interactive t)',
        "(require (quote message))",
        '(message-mail "joe@isp.com" "From Emacs")',
        '(message-goto-body) (insert "It works.\\n") (message-send)',
      ];
      const file = write("letter.el", `${recipe("sendmail", "emacs")}\n${letter.join("\n")}\n`);
      return [program("emacs"), "--batch", "-Q", "-l", file];
    });
    assert.equal(sent.ended.status, 0, sent.ended.stderr);
    const { words, text } = await sent.posted();
    assert.deepEqual(words, ["-t", "-oi", "-f", "jane@example.org"]);
    assert.match(text, /^To: joe@isp\.com$/m);
    assert.match(text, /^Subject: From Emacs$/m);
    assert.match(text, /^It works\.$/m);
  });
});
