import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { VERBS } from "../../../src/cli/verbs.ts";
import { rshPath } from "../../peers/alpine.ts";
import { describeForms, type Form } from "../../peers/binaries.ts";
import { runCall } from "../../peers/call.ts";
import { type Home, hostTable, makeHome } from "../../peers/home.ts";
import { program } from "../../peers/programs.ts";
import { openTerminal } from "../../peers/terminal.ts";

/** A home with preauth on its PATH, and a table that has names and globs. */
function homeFor(form: Form): { readonly home: Home; readonly env: Record<string, string> } {
  const home = makeHome();
  const path = rshPath(home, form.argv).replace(/\/[^/]*$/, "");
  home.writeTable(`${hostTable({ match: ["work", "*.isp.com"] })}\n${hostTable({ match: "wolf" })}`);
  return { home, env: { ...home.env, PATH: `${path}:${home.env.PATH}` } };
}

async function printed(form: Form, home: Home, shell: string): Promise<string> {
  const argv = [...form.argv, "--completion", shell];
  const { status, output, stderr } = await runCall(argv, { env: home.env, stdio: "pipes" });
  assert.deepEqual([status, stderr], [0, ""]);
  return home.write(`completion.${shell}`, output.toString());
}

/** Words that have been typed, the last of them not whole, and what there is to go on with. */
const TYPED: readonly (readonly [typed: string, found: readonly string[]])[] = [
  ["--", Object.keys(VERBS).map((name) => `--${name}`)],
  ["--ex", ["--explain"]],
  ["w", ["wolf", "work"]],
  ["--check wo", ["wolf", "work"]],
  ["--forward --for 5s wor", ["work"]],
  ["--explain work jane im", ["imap"]],
  ["--stop --n", ["--now"]],
  ["--completion z", ["zsh"]],
  ["--version w", []],
];

describeForms("--completion", { concurrency: 2 }, (form) => {
  test("completes in bash", async () => {
    const { home, env } = homeFor(form);
    using _ = home;
    const file = await printed(form, home, "bash");
    for (const [typed, found] of TYPED) {
      const words = `preauth ${typed}`.split(" ");
      const line = `. "$0"; COMP_LINE="$*"; COMP_POINT=\${#COMP_LINE}; _preauth; printf '%s\\n' "\${COMPREPLY[@]}"`;
      const { stdout, stderr } = spawnSync(program("bash"), ["-c", line, file, ...words], {
        env,
        encoding: "utf8",
      });
      assert.deepEqual(
        [stdout.trim().split("\n").sort().join(" "), stderr],
        [[...found].sort().join(" "), ""],
        typed,
      );
    }
  });

  test("completes in fish", async () => {
    const { home, env } = homeFor(form);
    using _ = home;
    const file = await printed(form, home, "fish");
    for (const [typed, found] of TYPED) {
      const line = `source ${file}; complete -C "preauth ${typed}"`;
      const { stdout, stderr } = spawnSync(program("fish"), ["-c", line], { env, encoding: "utf8" });
      const words = stdout
        .trim()
        .split("\n")
        .map((one) => one.replace(/\t.*/, ""));
      assert.deepEqual([words.sort().join(" "), stderr], [[...found].sort().join(" "), ""], typed);
    }
  });

  for (const shell of ["bash", "zsh", "fish"] as const) {
    test(`completes names with odd characters in ${shell}, and runs nothing of the table`, {
      timeout: 60_000,
    }, async () => {
      const { home, env } = homeFor(form);
      using _ = home;
      const planted = `$(echo>${home.path}/planted)`;
      const match = [
        "2001:db8::7",
        "2001:db8::8",
        "fe80::1%eth0",
        "[::1]",
        "~odd.isp.com",
        `x\`id\``,
        planted,
      ];
      home.writeTable(hostTable({ match }));
      const file = await printed(form, home, shell);
      const start = { bash: ["--norc", "--noprofile", "-i"], zsh: ["-f"], fish: ["--private"] }[shell];
      const terminal = await openTerminal([program(shell), ...start], {
        env: { ...env, PS1: "> ", PROMPT: "> ", TERM: "screen", fish_greeting: "" },
        columns: 120,
      });
      await using __ = terminal;
      const load = shell === "zsh" ? "autoload -Uz compinit; compinit -u -D; " : "";
      terminal.type(`${load}cd ${home.path}; touch 1 f; source ${file}; echo rea''dy`);
      terminal.keys("Enter");
      await terminal.waitFor(/^ready$/m, "the completions");
      for (const [typed, whole] of [
        ["preauth --check 2001:", /preauth --check 2001:db8::/],
        ["preauth --explain fe", /preauth --explain fe80::1.?%eth0/],
      ] as const) {
        terminal.type(typed);
        terminal.keys("Tab");
        await terminal.waitFor(whole, `${whole}`);
        terminal.keys("C-u");
      }
      terminal.type("preauth x");
      terminal.keys("Tab", "Tab", "C-u");
      terminal.type("echo al''l");
      terminal.keys("Enter");
      await terminal.waitFor(/^all$/m, "the end");
      assert.equal(existsSync(join(home.path, "planted")), false);
    });
  }

  test("completes in zsh, as its fpath has it and when it is read in", { timeout: 60_000 }, async () => {
    const { home, env } = homeFor(form);
    using _ = home;
    const file = await printed(form, home, "zsh");
    await using terminal = await openTerminal([program("zsh"), "-f"], { env: { ...env, PROMPT: "> " } });
    terminal.type(`autoload -Uz compinit; compinit -u -D; source ${file}; echo rea''dy`);
    terminal.keys("Enter");
    await terminal.waitFor(/^ready$/m, "the completions");
    for (const [typed, whole] of [
      ["--ex", "--explain"],
      ["--check wor", "--check work"],
      ["--forward --for 5s wor", "--forward --for 5s work"],
      ["--explain work jane im", "--explain work jane imap"],
      ["--stop --n", "--stop --now"],
      ["--completion z", "--completion zsh"],
    ] as const) {
      terminal.type(`preauth ${typed}`);
      terminal.keys("Tab");
      await terminal.waitFor(new RegExp(`^.*> preauth ${whole} *$`, "m"), `"${whole}"`);
      terminal.keys("C-u");
    }
    terminal.type("preauth --");
    terminal.keys("Tab");
    await terminal.waitFor(
      /--explain +-- shows what the table of hosts decides/,
      "the verbs with what they do",
    );
  });

  test("refuses another shell with the ones that there are: 64", async () => {
    const { home, env } = homeFor(form);
    using _ = home;
    const { status, stderr } = await runCall([...form.argv, "--completion", "csh"], { env, stdio: "pipes" });
    assert.equal(stderr, 'preauth: SHELL: "csh" is none of bash, zsh, fish\n');
    assert.equal(status, 64);
  });
});
