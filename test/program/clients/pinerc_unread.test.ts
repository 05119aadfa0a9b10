import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { chmodSync, copyFileSync, existsSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { describeForms } from "../../peers/binaries.ts";
import { runCall } from "../../peers/call.ts";
import { type Home, hostTable, makeHome } from "../../peers/home.ts";
import { program } from "../../peers/programs.ts";
import { withoutPrivileges } from "../../peers/rights.ts";
import { openTerminal } from "../../peers/terminal.ts";
import { poll } from "../../peers/waiting.ts";

/* A ~/.pinerc that Alpine cannot read, and files that it is started with by -p and -x. */

/** The lines that have Alpine call a program of the home. */
const lines = (home: Home, path = join(home.path, "preauth")): string =>
  [
    ...["personal-name=Jane", "user-domain=mail.test", "last-version-used=9.99", "rsh-command=%s %s %s %s"],
    ...[`rsh-path=${path}`, "inbox-path={work}INBOX", ""],
  ].join("\n");

type Env = Readonly<Record<string, string>>;

function homeWithTable(): Home {
  const home = makeHome();
  home.writeTable(hostTable({ match: "work", server: "127.0.0.1", ssh_config: "none" }));
  home.write("preauth", `#!/bin/sh\n# preauth\necho "$@" >${home.path}/called\n`, 0o755);
  mkdirSync(join(home.path, "mail"));
  return home;
}

/** How a ~/.pinerc comes to be unread, and what is told of it. */
const STATES: readonly (readonly [title: string, make: (home: Home, file: string) => void, told: string])[] =
  [
    [
      "that may not be read",
      (home, file) => chmodSync(home.write(file, lines(home)), 0),
      "cannot be read (EACCES), and Alpine does without it: chmod u+r ",
    ],
    [
      "that is a link to itself",
      (home, file) => symlinkSync(file, join(home.path, file)),
      "cannot be read (ELOOP), and Alpine does without it: ls -ld ",
    ],
    [
      "that is a directory",
      (home, file) => mkdirSync(join(home.path, file)),
      "cannot be read (EISDIR), and Alpine does without it: ls -ld ",
    ],
    [
      "that is a link to nothing",
      (home, file) => symlinkSync("gone", join(home.path, file)),
      "is a link to a file that is not there: ls -l ",
    ],
  ];

/** Whether real Alpine calls the program of a home. */
async function isCalled(home: Home, words: readonly string[] = [], env: Env = {}): Promise<boolean> {
  const argv = [...withoutPrivileges(), program("alpine"), "-P", "/dev/null", "-i", ...words];
  await using alpine = await openTerminal(argv, { env: { ...home.env, ...env } });
  const called = join(home.path, "called");
  const isOver = () => existsSync(called) || /only once|MAIN MENU/.test(alpine.screen()) || undefined;
  await poll(isOver, "Alpine to call, or to go on", () => alpine.screen());
  return existsSync(called);
}

/** A ~/.pinerc whose rsh-path has a letter beyond ASCII, in UTF-8 or in Latin-1; the name of the program's directory. */
function withLetter(home: Home, encoding: "utf8" | "latin1"): void {
  const folder = Buffer.from(`${home.path}/jos\u00e9`, encoding);
  mkdirSync(folder);
  const there = Buffer.concat([folder, Buffer.from("/preauth")]);
  copyFileSync(join(home.path, "preauth"), there);
  const [before = "", after = ""] = lines(home, "PATH").split("PATH");
  const file = home.write(".pinerc", "");
  writeFileSync(file, Buffer.concat([Buffer.from(before), there, Buffer.from(after)]));
}

/** How the letter is written, the locale, and whether Alpine finds the program so. */
const LETTERS = [
  ["utf8", "C.UTF-8", true],
  ["utf8", "C", false],
  ["latin1", "C.UTF-8", false],
  ["latin1", "C", false],
] as const;

describe("real Alpine", { concurrency: 2 }, () => {
  for (const [title, make] of STATES) {
    test(`does without a ~/.pinerc ${title}`, async () => {
      using home = homeWithTable();
      make(home, ".pinerc");
      assert.equal(await isCalled(home), false);
    });
  }

  for (const [encoding, locale, calls] of LETTERS) {
    test(`${calls ? "finds" : "does not find"} an rsh-path with a letter in ${encoding}, in the locale ${locale}`, async () => {
      using home = homeWithTable();
      withLetter(home, encoding);
      assert.equal(await isCalled(home, [], { LC_ALL: locale }), calls);
    });
  }

  test("calls the rsh-path of the file that -x names", async () => {
    using home = homeWithTable();
    home.write(".pinerc", lines(home, "/no/such"));
    assert.equal(await isCalled(home), false);
    const file = home.write("exceptions", lines(home));
    assert.equal(await isCalled(home, ["-x", file]), true);
  });
});

describeForms("a pinerc that is not read", { concurrency: 2 }, (form) => {
  const explain = async (home: Home, env: Env = {}) => {
    const options = { env: { ...home.env, ...env }, stdio: "pipes", under: withoutPrivileges() } as const;
    const { output, stderr } = await runCall([...form.argv, "--explain", "work"], options);
    assert.equal(stderr, "");
    return output.toString().split("\n");
  };

  for (const [title, make, told] of STATES) {
    test(`is named by --explain, and --init stops at it before it asks: one ${title}`, async () => {
      using home = homeWithTable();
      make(home, ".pinerc");
      const said = await explain(home);
      const path = join(home.path, ".pinerc");
      assert.ok(said.includes(`~/.pinerc: ${told}${path}`), said.join("\n"));
      assert.doesNotMatch(said.join("\n"), /rsh-path is not set|nothing in it/);
      if (told.startsWith("is a link")) return;
      const argv = [...withoutPrivileges(), ...form.argv, "--init", "work"];
      await using terminal = await openTerminal(argv, { env: home.env, columns: 200 });
      assert.equal(await terminal.ended(), 78, terminal.screen());
      assert.match(terminal.screen(), /^preauth: \S+\/\.pinerc: cannot be read \(E\w+\)$/m);
      assert.match(terminal.screen(), /^preauth: hint: (chmod u\+r|look at it: ls -ld) \S+\/\.pinerc$/m);
      if (!told.includes("EACCES")) return;
      chmodSync(path, 0o600);
      assert.match((await explain(home)).join("\n"), /^~\/\.pinerc: nothing in it keeps Alpine/m);
    });
  }

  test("is empty where it is a device, as /dev/null is", async () => {
    using home = homeWithTable();
    for (const file of [".pinerc", ".muttrc"]) symlinkSync("/dev/null", join(home.path, file));
    const said = (await explain(home)).join("\n");
    assert.match(said, /^~\/\.pinerc: rsh-path is not set/m);
    assert.doesNotMatch(said, /cannot be read/);
    const init = await runCall([...form.argv, "--init", "--print", "work"], {
      env: home.env,
      stdio: "pipes",
    });
    assert.match(init.output.toString(), /^\+rsh-path=/m);
  });

  test("is not waited for where it is a FIFO, nor is another program's file", async () => {
    using home = homeWithTable();
    for (const file of [".pinerc", ".muttrc"]) execFileSync("mkfifo", [join(home.path, file)]);
    const said = await explain(home);
    assert.ok(
      said.includes(
        `~/.pinerc: cannot be read (ENXIO), and Alpine does without it: ls -ld ${home.path}/.pinerc`,
      ),
      said.join("\n"),
    );
    rmSync(join(home.path, ".pinerc"));
    const init = await runCall([...form.argv, "--init", "--print", "work"], {
      env: home.env,
      stdio: "pipes",
    });
    assert.match(init.output.toString(), /^\+rsh-path=/m);
  });

  for (const [encoding, locale, calls] of LETTERS) {
    test(`has no rsh-path for Alpine, with a letter in ${encoding} and the locale ${locale}: ${calls ? "no such obstacle" : "an obstacle"}`, async () => {
      using home = homeWithTable();
      withLetter(home, encoding);
      const said = (await explain(home, { LC_ALL: locale })).join("\n");
      const objection =
        encoding === "utf8" ? "has letters that are found in a UTF-8 locale alone: lead" : "is not an exec";
      if (calls) assert.match(said, /^~\/\.pinerc: nothing in it keeps Alpine/m);
      else assert.ok(said.includes(`~/.pinerc:5: rsh-path ${objection}`), said);
    });
  }

  test("is one of -x where $PINERCEX names that, beside the own one or anywhere", async () => {
    using home = homeWithTable();
    home.write(".pinerc", lines(home, "/no/such"));
    const file = home.write("exceptions", lines(home));
    for (const name of ["exceptions", file]) {
      assert.match((await explain(home, { PINERCEX: name })).join("\n"), /: nothing in it keeps Alpine/);
    }
    chmodSync(file, 0);
    const said = await explain(home, { PINERCEX: file });
    assert.ok(said.some((line) => line.startsWith("~/exceptions: cannot be read (EACCES)")));
    assert.ok(said.includes('~/.pinerc:5: rsh-path is not an executable file: "/no/such"'));
  });

  test("is one in a mailbox: it is said of the files of -p and of -x, and --init writes no file of that name", async () => {
    using home = homeWithTable();
    home.write(".pinerc", lines(home));
    const remote = "{work/user=jane}pinerc";
    const told = `${remote}: is in a mailbox, where preauth does not look`;
    assert.ok((await explain(home, { PINERCEX: remote })).includes(told));
    assert.ok((await explain(home, { PINERC: remote })).includes(told));
    const env = { ...home.env, PINERC: remote };
    await using terminal = await openTerminal([...form.argv, "--init", "work"], { env, columns: 200 });
    assert.equal(await terminal.ended(), 78, terminal.screen());
    assert.match(terminal.screen(), /: is in a mailbox, and not a file that could be changed$/m);
    const [, line = ""] = /^preauth: hint: write the table .*: (PINERC=.*)$/m.exec(terminal.screen()) ?? [];
    const typed = line.replace("preauth", form.argv.map((word) => `'${word}'`).join(" "));
    await using again = await openTerminal(["/bin/sh", "-c", typed], { env, columns: 200 });
    await again.waitFor(/mail server/, "the first question");
  });
});
