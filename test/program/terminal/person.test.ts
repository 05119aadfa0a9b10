import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { makeHome } from "../../peers/home.ts";
import { openTerminal } from "../../peers/terminal.ts";
import { openWatched } from "./watched.ts";

const ASKER = fileURLToPath(new URL("asker.ts", import.meta.url));
const BUN = fileURLToPath(new URL("../../../node_modules/.bin/bun", import.meta.url));

/** The two runtimes that the program is built for. */
const RUNTIMES = { node: [process.execPath, "--import", "tsx"], bun: [BUN] };

for (const [name, runtime] of Object.entries(RUNTIMES)) {
  const asking = (...questions: readonly string[]) => [...runtime, ASKER, ...questions];

  describe(`a person at a terminal (${name})`, () => {
    test("sees what is typed for one question, and not what is typed for another", async () => {
      using home = makeHome();
      await using terminal = await openWatched(asking("hidden:Secret: ", "shown:Name: "), home);
      await terminal.waitFor(/Secret:/, "the first question");
      terminal.type("swordfish");
      terminal.keys("Enter");
      await terminal.waitFor(/Name:/, "the second question");
      terminal.type("jane");
      await terminal.waitFor(/Name: jane/, "the echo");
      terminal.keys("Enter");
      assert.equal(await terminal.ended(), 0);
      const screen = terminal.screen();
      assert.match(screen, /^Secret:\nanswer "swordfish"\nName: jane\nanswer "jane"\n/);
      const { before, after } = terminal.settings();
      assert.equal(after, before);
    });

    test("edits a hidden line with the keys of the terminal, and types more than ASCII", async () => {
      using home = makeHome();
      await using terminal = await openWatched(asking("hidden:1: ", "hidden:2: ", "shown:3: "), home);
      await terminal.waitFor(/1:/, "the first question");
      terminal.type("zäö");
      terminal.keys("BSpace", "BSpace");
      terminal.type("ürich €");
      terminal.keys("Enter");
      await terminal.waitFor(/2:/, "the second question");
      terminal.type("wrong");
      terminal.keys("C-u");
      terminal.type("right wrong");
      terminal.keys("C-w", "Enter");
      await terminal.waitFor(/3:/, "the third question");
      terminal.type("日本");
      terminal.keys("BSpace", "Enter");
      assert.equal(await terminal.ended(), 0);
      const answers = [...terminal.screen().matchAll(/^answer (.*)$/gm)].map(([, answer]) => answer);
      assert.deepEqual(answers, ['"zürich €"', '"right "', '"日"']);
    });

    test("pastes a line of 3,000 characters, and two answers at once", async () => {
      using home = makeHome();
      const words = asking("hidden:First: ", "hidden:Second: ", "hidden:Third: ");
      await using terminal = await openWatched(words, home);
      await terminal.waitFor(/First:/, "the first question");
      const long = "0123456789".repeat(300);
      terminal.type(long);
      terminal.keys("Enter");
      await terminal.waitFor(/Second:/, "the second question");
      terminal.type("two\nthree\n");
      assert.equal(await terminal.ended(), 0);
      const screen = terminal.screen();
      assert.equal(screen.replaceAll("\n", "").includes(`answer "${long}"`), false, "scrolled away");
      assert.match(screen, /6789"\nSecond:\n/);
      assert.match(screen, /answer "two"\n(.*\n)?Third:.*\n?answer "three"\n/);
    });

    for (const [key, what, status] of [
      ["C-c", "failed: SIGINT", 130],
      ["C-d", "failed: the terminal: end of input instead of an answer", 9],
      ["C-\\", "", 131],
    ] as const) {
      test(`leaves at a hidden question with ${key}, and the terminal is as it was`, async () => {
        using home = makeHome();
        await using terminal = await openWatched(asking("hidden:Secret: "), home);
        await terminal.waitFor(/Secret:/, "the question");
        terminal.keys(key);
        assert.equal(await terminal.ended(), status);
        assert.ok(terminal.screen().includes(what));
        const { before, after } = terminal.settings();
        assert.equal(after, before);
      });
    }

    test("has the terminal as it was after a crash at a hidden question", async () => {
      using home = makeHome();
      await using terminal = await openWatched(asking("shown:Name: ", "hidden:Secret: "), home);
      await terminal.waitFor(/Name:/, "the first question");
      terminal.type("crash\n");
      assert.equal(await terminal.ended(), 70);
      const { before, after } = terminal.settings();
      assert.equal(after, before);
    });

    test("has an echoing terminal while Ctrl-Z has stopped a hidden question, and is asked again after", async () => {
      using home = makeHome();
      const shell = ["/bin/bash", "--norc", "--noprofile", "--noediting", "-i"];
      await using terminal = await openTerminal(shell, { env: { ...home.env, PS1: "ready> " } });
      await terminal.waitFor(/ready>/, "the shell");
      terminal.type(asking("hidden:Secret:").join(" "));
      terminal.keys("Enter");
      await terminal.waitFor(/^Secret:/m, "the question");
      terminal.keys("C-z");
      await terminal.waitFor(/Stopped/, "the stop");
      terminal.type("clear; stty -a | grep -ow -e '-*echo'");
      terminal.keys("Enter");
      await terminal.waitFor(/^echo$/m, "an echoing terminal");
      terminal.type("fg");
      terminal.keys("Enter");
      await terminal.waitFor(/^Secret:/m, "the question again");
      terminal.type("swordfish");
      terminal.keys("Enter");
      const screen = await terminal.waitFor(/answer "swordfish"/, "the answer");
      assert.equal(screen.match(/swordfish/g)?.length, 1);
    });

    test("is not asked for a secret when the echo cannot be switched off", async () => {
      using home = makeHome();
      const words = ["/bin/sh", "-c", 'PATH=/nonexistent; exec "$@"', "sh", ...asking("hidden:Secret: ")];
      await using terminal = await openTerminal(words, home);
      assert.equal(await terminal.ended(), 9);
      const screen = terminal.screen();
      assert.match(screen, /^failed: the terminal: it cannot hide what is typed/);
      assert.doesNotMatch(screen, /Secret/);
    });

    test("sees the control characters of a question escaped", async () => {
      using home = makeHome();
      await using terminal = await openTerminal(asking("shown:a\u001b[31mb\rc\u202e: "), home);
      await terminal.waitFor(/a\\e\[31mb\\rc\\u202e:/, "the question");
    });

    test("is nobody where standard input is no terminal, though there is one", async () => {
      using home = makeHome();
      const words = ["/bin/sh", "-c", '"$@" </dev/null', "sh", ...asking("shown:Name: ")];
      await using terminal = await openTerminal(words, home);
      assert.equal(await terminal.ended(), 7);
    });

    test("is asked on the terminal when the output leads into files", async () => {
      using home = makeHome();
      const words = ["/bin/sh", "-c", '"$@" >"$0" 2>&1', `${home.path}/out`, ...asking("shown:Name: ")];
      await using terminal = await openTerminal(words, home);
      await terminal.waitFor(/^Name:/, "the question");
      terminal.type("jane\n");
      assert.equal(await terminal.ended(), 0);
    });
  });
}
