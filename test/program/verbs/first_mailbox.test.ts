import assert from "node:assert/strict";
import { copyFileSync, mkdirSync, readFileSync } from "node:fs";
import { userInfo } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { describeForms } from "../../peers/binaries.ts";
import { makeMailbox } from "../../peers/dovecot.ts";
import { makeHome } from "../../peers/home.ts";
import { program } from "../../peers/programs.ts";
import { skipUnlessRoot } from "../../peers/rights.ts";
import { startSshd } from "../../peers/sshd.ts";
import { openTerminal, type Terminal } from "../../peers/terminal.ts";

/** Mounts of one's own, and processes: an Alpine of another test would be taken for the person's. */
const OWN = ["--mount", "--propagation", "private", "--pid", "--fork", "--kill-child", "--mount-proc"];

const TIMEOUT = { timeout: 120_000 };

describeForms("the first page of the README", (form) => {
  // ssh takes the home from passwd, and the real one is nobody's to write to.
  const skip = skipUnlessRoot;
  test("leads from a home with nothing but a key to a mailbox in Alpine", { ...TIMEOUT, skip }, async () => {
    using home = makeHome();
    using mailbox = makeMailbox();
    await using sshd = await startSshd({ environment: { PATH: `${mailbox.path}:/usr/bin:/bin` } });
    mkdirSync(join(home.path, ".ssh"), { mode: 0o700 });
    copyFileSync(sshd.identity, join(home.path, ".ssh/id_ed25519"));
    const passwd = home.write("passwd", `${userInfo().username}:x:0:0::${home.path}:/bin/sh\n`);
    const own = 'mount --bind "$0" /etc/passwd && exec "$@"';
    const env = { ...home.env, XDG_CONFIG_HOME: join(home.path, ".config") };
    const open = (words: readonly string[]): Promise<Terminal> => {
      const alone = [program("unshare"), ...OWN, "sh", "-c", own, passwd];
      return openTerminal([...alone, ...words], { env, columns: 80, rows: 50 });
    };
    await using terminal = await open([...form.argv, "--init"]);
    const dialogue: readonly (readonly [question: RegExp, text: string])[] = [
      [/name of the mail server, as your mail program will use it:$/m, "work"],
      [/ssh to, as \[USER@\]HOST\[:PORT\] \[work\]:$/m, `127.0.0.1:${sshd.port}`],
      [/login name on the server \[\w+\]:$/m, ""],
      [/or the fingerprint\)\?$/m, "yes"],
      [/is this your mail \[yes\]:$/m, ""],
      [/make it the INBOX of Alpine \[yes\]:$/m, ""],
      [/^write ~\/\.config\/preauth\/hosts\.toml and ~\/\.pinerc \[yes\]:$/m, ""],
    ];
    for (const [question, text] of dialogue) {
      await terminal.waitFor(question, "the next question");
      terminal.type(text);
      terminal.keys("Enter");
    }
    assert.equal(await terminal.ended(), 0, terminal.screen());
    assert.match(terminal.screen(), /\(3\s+messages\)/);
    assert.match(readFileSync(join(home.path, ".ssh/known_hosts"), "utf8"), /ssh-ed25519/);
    assert.match(
      readFileSync(join(env.XDG_CONFIG_HOME, "preauth/hosts.toml"), "utf8"),
      /^\[\[host\]\]\nmatch = "work"\n/,
    );
    const rsh = new RegExp(`^rsh-path=${form.argv.at(-1) ?? ""}$`, "m");
    assert.match(readFileSync(join(home.path, ".pinerc"), "utf8"), rsh);
    await using alpine = await open([program("alpine")]);
    await alpine.waitFor(/E Exit this greeting/, "Alpine's welcome");
    alpine.keys("e");
    await alpine.waitFor(/MAIN MENU/, "the main menu");
    alpine.keys("i");
    await alpine.waitFor(/Minutes of the meeting/, "the list of messages");
    alpine.keys("q");
  });
});
