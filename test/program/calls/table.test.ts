import assert from "node:assert/strict";
import { chmodSync, chownSync, mkdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { describeForms } from "../../peers/binaries.ts";
import { runCall } from "../../peers/call.ts";
import { type Home, hostTable, makeHome } from "../../peers/home.ts";
import { skipUnlessRoot, withoutPrivileges } from "../../peers/rights.ts";
import { converse, MAIL, refusal, told } from "./client.ts";

/** An uid that is neither ours nor root's. */
const STRANGER = 12345;

const GOOD = hostTable({ match: "*", on_failure: "silent" });

/** One way in which a table is of no use; the reason is what stands behind its path. */
interface Case {
  readonly title: string;
  readonly skip?: string | false;
  readonly make: (home: Home) => void;
  readonly reason: (home: Home) => string;
}

const CASES: readonly Case[] = [
  {
    title: "a syntax error",
    make: (home) => home.writeTable('[[host]]\nmatch = "mail.test\n'),
    reason: () => ":2:19: ",
  },
  {
    title: "an unknown key",
    make: (home) => home.writeTable(`${GOOD}[[host]]\nmatch = "x"\n  comand = "imapd"\n`),
    reason: () => ':7:3: "comand" is not a key of [[host]]; did you mean "command"?',
  },
  {
    title: "a wrong type",
    make: (home) => home.writeTable('[[host]]\nmatch = "x"\nport =   "22"\n'),
    reason: () => ":3:10: ",
  },
  {
    title: "a port out of range",
    make: (home) => home.writeTable('[[host]]\nmatch = "x"\nport = 65536\n'),
    reason: () => ":3:8: ",
  },
  {
    title: "a match of nothing",
    make: (home) => home.writeTable("[[host]]\nmatch = []\n"),
    reason: () => ":2:9: ",
  },
  {
    title: "an on_failure that is none",
    make: (home) => home.writeTable('[defaults]\non_failure = "open"\n[[host]]\nmatch = "x"\n'),
    reason: () => ":2:14: ",
  },
  {
    title: "write permission for the group",
    make: (home) => home.writeTable(GOOD, 0o660),
    reason: () => ": is writable by group or others (mode 0660)",
  },
  {
    title: "write permission for others",
    make: (home) => home.writeTable(GOOD, 0o602),
    reason: () => ": is writable by group or others (mode 0602)",
  },
  {
    title: "an owner who is neither the user nor root",
    skip: skipUnlessRoot,
    make: (home) => {
      home.writeTable(GOOD, 0o644);
      chownSync(home.tableFile, STRANGER, STRANGER);
    },
    reason: () => `: belongs to uid ${STRANGER}, not to you (uid ${process.getuid?.()}) or root`,
  },
  {
    title: "no permission to read",
    make: (home) => home.writeTable(GOOD, 0o200),
    reason: () => ": cannot be opened (EACCES)",
  },
  {
    title: "a directory that cannot be entered",
    make: (home) => {
      home.writeTable(GOOD);
      chmodSync(dirname(home.tableFile), 0o600);
    },
    reason: () => ": cannot be opened (EACCES)",
  },
  {
    title: "a directory above it that others can write",
    make: (home) => {
      home.writeTable(GOOD);
      chmodSync(join(home.path, "config"), 0o777);
    },
    reason: (home) => `: is below ${home.path}/config, which is writable by group or others (mode 0777)`,
  },
  {
    title: "a directory above it that its group can write, though there is no table",
    make: (home) => {
      home.write("config/preauth/other", "");
      chmodSync(join(home.path, "config/preauth"), 0o2775);
    },
    reason: (home) =>
      `: is below ${home.path}/config/preauth, which is writable by group or others (mode 2775)`,
  },
  {
    title: "a link that others can change in its place",
    make: (home) => {
      home.write("config/preauth/other", "");
      home.write("dotfiles/hosts.toml", GOOD);
      home.link("open", "shared");
      home.write("shared/other", "");
      home.link("config/preauth/hosts.toml", "../../open/link");
      home.link("shared/link", "../dotfiles/hosts.toml");
      chmodSync(join(home.path, "shared"), 0o777);
    },
    reason: (home) => `: is below ${home.path}/shared, which is writable by group or others (mode 0777)`,
  },
  {
    title: "a directory in its place",
    make: (home) => mkdirSync(home.tableFile, { recursive: true }),
    reason: () => ": is not a regular file",
  },
];

describeForms("a table with", { concurrency: 3 }, (form) => {
  for (const { title, skip = false, make, reason } of CASES) {
    test(`${title} counts as a match with "refuse", whatever it says itself: 78`, { skip }, async () => {
      using home = makeHome();
      make(home);
      const argv = [...withoutPrivileges(), ...form.argv];
      const expected = `${home.tableFile}${reason(home)}`;
      const [refused, separate, other] = await Promise.all([
        converse([...argv, ...MAIL], { env: home.env }),
        converse([...argv, ...MAIL], { env: home.env, stdio: "pipes" }),
        converse([...argv, "mail.test", "jane", "smtp"], { env: home.env }),
      ]);

      const [, said = ""] = /\* BYE preauth: (.*)\r\n/.exec(refused.output.toString("latin1")) ?? [];
      assert.ok(said.startsWith(expected), said);
      assert.deepEqual([refused.status, refused.output.toString("latin1")], [78, refusal(said)]);
      assert.ok(home.log().includes(`${said}\n`), home.log());

      assert.deepEqual([separate.status, separate.output.length], [78, 0]);
      assert.equal(separate.stderr, `preauth: ${said}\n`);

      assert.deepEqual([other.status, other.output.length], [78, 0]);
    });
  }
});

describeForms("a table that is not there", { concurrency: 3 }, (form) => {
  const absences: Readonly<Record<string, (home: Home) => void>> = {
    "": () => {},
    ", nor its directory, which is a file": (home) => home.write("config/preauth", ""),
    ", but a link that leads nowhere": (home) => {
      home.write("config/preauth/other", "");
      home.link("config/preauth/hosts.toml", "nowhere.toml");
    },
  };
  for (const [title, make] of Object.entries(absences)) {
    test(`${title === "" ? "" : `it is not there${title}: `}is told of with its path: 78`, async () => {
      using home = makeHome();
      make(home);
      const { status, output } = await converse([...form.argv, ...MAIL], { env: home.env });
      assert.deepEqual([status, output.toString("latin1")], [78, told(`${home.tableFile}: no such table`)]);
    });
  }

  test("is told of in one line where standard error is another file", async () => {
    using home = makeHome();
    const options = { env: home.env, stdio: "pipes" } as const;
    const { status, output, stderr } = await converse([...form.argv, ...MAIL], options);
    const line = `preauth: ${home.tableFile}: no such table\n`;
    assert.deepEqual([status, output.length, stderr], [78, 0, line]);
  });

  test("is no matter for another METHOD's stream", async () => {
    using home = makeHome();
    const { status, output } = await converse([...form.argv, "mail.test", "jane", "smtp"], {
      env: home.env,
    });
    assert.deepEqual([status, output.length], [78, 0]);
  });

  test("is looked for where PREAUTH_TABLE says, and only there", async () => {
    using home = makeHome();
    home.writeTable("");
    const elsewhere = `${home.path}/else where.toml`;
    const env = { ...home.env, PREAUTH_TABLE: elsewhere };
    const missing = await converse([...form.argv, ...MAIL], { env });
    assert.deepEqual(
      [missing.status, missing.output.toString("latin1")],
      [78, told(`${elsewhere}: no such table`)],
    );
    home.write("else where.toml", hostTable({ match: "other" }));
    const { status, output } = await converse([...form.argv, ...MAIL], { env });
    assert.deepEqual([status, output.length], [1, 0]);
  });
});

describeForms("a table", { concurrency: 3 }, (form) => {
  test("that others may read, or that is a link to one's own, will do", async () => {
    using home = makeHome();
    home.writeTable(hostTable({ match: "other" }), 0o644);
    home.write("real.toml", hostTable({ match: "other" }), 0o444);
    const env = { ...home.env, PREAUTH_TABLE: home.link("link.toml", "real.toml") };
    assert.equal((await runCall([...form.argv, ...MAIL], { env: home.env })).status, 1);
    assert.equal((await runCall([...form.argv, ...MAIL], { env })).status, 1);
  });

  test("below a sticky directory, or by a link to dotfiles, will do", async () => {
    using home = makeHome();
    home.write("dotfiles/preauth/hosts.toml", hostTable({ match: "other" }));
    chmodSync(join(home.path, "dotfiles"), 0o1777);
    home.write("config/other", "");
    home.link("config/preauth", "../dotfiles/preauth");
    assert.equal((await runCall([...form.argv, ...MAIL], { env: home.env })).status, 1);
  });

  test("below a directory that others can write names it, and the chmod that mends it", async () => {
    using home = makeHome();
    home.writeTable(hostTable({ match: "mail.test" }));
    const directory = join(home.path, "config");
    chmodSync(directory, 0o775);
    const { status, stderr } = await runCall([...form.argv, "--explain", "mail.test"], {
      env: home.env,
      stdio: "pipes",
    });
    const what = `is below ${directory}, which is writable by group or others (mode 0775)`;
    const hint = `preauth: hint: chmod go-w ${directory}`;
    assert.deepEqual([status, stderr], [78, `preauth: ${home.tableFile}: ${what}\n${hint}\n`]);
  });

  test("at a relative PREAUTH_TABLE is not looked for", async () => {
    using home = makeHome();
    home.write("here/evil.toml", hostTable({ match: "other" }));
    const here = { env: { ...home.env, PREAUTH_TABLE: "evil.toml" }, cwd: join(home.path, "here") };
    const refused = await converse([...form.argv, ...MAIL], here);
    const reason = 'PREAUTH_TABLE: "evil.toml" is not an absolute path';
    assert.deepEqual([refused.status, refused.output.toString()], [78, refusal(reason)]);
    for (const verb of ["--explain", "--check", "--forward"]) {
      const told = await runCall([...form.argv, verb, "mail.test"], { ...here, stdio: "pipes" });
      assert.deepEqual([told.status, told.stderr.split("\n")[0]], [78, `preauth: ${reason}`], verb);
    }
  });

  test("with two mistakes has both told to a person, and the first to a mail client", async () => {
    using home = makeHome();
    home.writeTable('[[host]]\nmatch = "x"\ncolour = 1\nport = 0\n');
    const explained = await runCall([...form.argv, "--explain", "x"], { env: home.env, stdio: "pipes" });
    assert.equal(explained.status, 78);
    assert.deepEqual(
      explained.stderr.split("\n").map((line) => line.replace(home.tableFile, "FILE").slice(0, 19)),
      ["preauth: FILE:3:1: ", "preauth: FILE:4:8: ", ""],
    );
    const { stderr } = await converse([...form.argv, ...MAIL], { env: home.env, stdio: "pipes" });
    assert.match(stderr, /^preauth: \S+:3:1: "colour" is not a key of \[\[host\]\]\n$/);
  });
});
