import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import {
  chmodSync,
  chownSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { after, before, test } from "node:test";
import { describeForms } from "../../peers/binaries.ts";
import { runCall, startCall } from "../../peers/call.ts";
import { type Home, makeHome, tableFor } from "../../peers/home.ts";
import { makeKey } from "../../peers/keys.ts";
import { program } from "../../peers/programs.ts";
import { skipUnlessRoot, withoutPrivileges } from "../../peers/rights.ts";
import { type Sshd, startSshd } from "../../peers/sshd.ts";
import { openTerminal } from "../../peers/terminal.ts";
import { converse, GREETING, MAIL, refusal, saying } from "./client.ts";

let sshd: Sshd;
before(async () => {
  sshd = await startSshd();
});
after(() => sshd.stop());

const ECHO = `${GREETING}A1 NOOP\r\n`;
const LINE = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z \[(\d+)\] \S.*$/;

function modeOf(path: string): number {
  return statSync(path).mode & 0o7777;
}

/** What keeps a log from being written. */
const OBSTACLES: readonly {
  readonly title: string;
  readonly skip?: string | false;
  make(home: Home): void;
}[] = [
  { title: "a file for a state directory", make: (home) => home.write("state", "") },
  { title: "a file for preauth's own directory", make: (home) => home.write("state/preauth", "") },
  { title: "a directory in its place", make: (home) => mkdirSync(home.logFile, { recursive: true }) },
  {
    title: "a state directory that may not be written",
    make: (home) => {
      home.write("state/other", "");
      chmodSync(join(home.path, "state"), 0o500);
    },
  },
  {
    title: "a log that may not be written",
    make: (home) => home.write("state/preauth/log", "", 0o400),
  },
  {
    title: "a link to /dev/full",
    make: (home) => {
      home.write("state/preauth/other", "");
      home.link("state/preauth/log", "/dev/full");
    },
  },
  {
    title: "a full disk",
    skip: skipUnlessRoot,
    make: (home) => {
      home.write("state/preauth/other", "");
      // The numbers of /dev/full (null(4) of Linux's devices.txt).
      execFileSync("mknod", [home.logFile, "c", "1", "7"]);
    },
  },
  {
    title: "a FIFO that nobody reads",
    make: (home) => {
      home.write("state/preauth/other", "");
      execFileSync("mkfifo", [home.logFile]);
    },
  },
];

describeForms("the log", { concurrency: 3 }, (form) => {
  const argv = [...form.argv, ...MAIL];

  test("is for its owner alone, whatever the umask, and has whole lines with UTC time and pid", async () => {
    using home = makeHome();
    home.writeTable(tableFor(sshd, { "commands.imap": `echo noise; ${saying(home, GREETING)}` }));
    const under = ["sh", "-c", 'umask 0; exec "$@"', "sh"];
    await using call = await startCall(argv, { env: home.env, under });
    call.write("A1 NOOP\r\n");
    call.end();
    assert.equal((await call.finished()).status, 0);
    assert.equal(modeOf(home.logFile), 0o600);
    assert.equal(modeOf(dirname(home.logFile)), 0o700);
    const lines = home.log().split("\n");
    assert.equal(lines.pop(), "");
    assert.ok(lines.length >= 3, home.log());
    for (const line of lines) assert.equal(LINE.exec(line)?.[1], String(call.pid), line);
  });

  test("of many calls at once has every line of each, whole", async () => {
    using home = makeHome();
    const many = "seq -f 'line %g of it' 100 >&2";
    home.writeTable(tableFor(sshd, { "commands.imap": `${many}; ${saying(home, GREETING)}` }));
    const calls = Array.from({ length: 6 }, () => runCall(argv, { env: home.env, input: "A1 NOOP\r\n" }));
    for (const { status } of await Promise.all(calls)) assert.equal(status, 0);
    const lines = home.log().trimEnd().split("\n");
    assert.ok(lines.every((line) => LINE.test(line)));
    const said = lines.filter((line) => line.endsWith(" of it"));
    const pids = new Set(said.map((line) => LINE.exec(line)?.[1]));
    assert.deepEqual([said.length, pids.size], [600, 6]);
  });

  for (const { title, skip = false, make } of OBSTACLES) {
    test(`that cannot be written (${title}) stops no mail, and no reason either`, { skip }, async () => {
      using home = makeHome();
      make(home);
      const plain = [...withoutPrivileges(), ...argv];
      home.writeTable(tableFor(sshd, { "commands.imap": `echo noise; ${saying(home, GREETING)}` }));
      const { status, output } = await runCall(plain, { env: home.env, input: "A1 NOOP\r\n" });
      assert.deepEqual([status, output.toString()], [0, ECHO]);
      home.writeTable(tableFor(sshd, { "commands.imap": "exit 3" }));
      const refused = await converse(plain, { env: home.env });
      const reason = "mail.test: the remote command ended with status 3 before any greeting";
      assert.deepEqual([refused.status, refused.output.toString()], [3, refusal(reason)]);
    });
  }

  test("is kept, and mail comes, where the records beside it may not be looked at", async () => {
    using home = makeHome();
    const kinds = ["familiar", "patience", "refused", "unreachable"];
    for (const kind of kinds) {
      home.write(`state/preauth/${kind}/${"0".repeat(64)}`, "{}");
      chmodSync(join(home.path, "state/preauth", kind), 0o600);
    }
    const stranger = join(home.path, "stranger");
    makeKey(stranger);
    home.writeTable(tableFor(sshd, { identity: stranger, "commands.imap": "true" }));
    for (const words of [argv, [...form.argv, "--check", "mail.test"]]) {
      const plain = [...withoutPrivileges(), ...words];
      const options = { env: home.env, stdio: "pipes", input: "A1 NOOP\r\n" } as const;
      const { status, stderr } = await runCall(plain, options);
      assert.equal(status, 77, stderr);
    }
    assert.match(home.log(), /^\S+ \[\d+\] mail\.test: /m);
    for (const kind of kinds) chmodSync(join(home.path, "state/preauth", kind), 0o700);
  });

  test("that others could read is theirs no more, and --check says so", async () => {
    using home = makeHome();
    home.writeTable(tableFor(sshd, { "commands.imap": saying(home, GREETING) }));
    home.write("state/preauth/log", "before\n", 0o644);
    chmodSync(dirname(home.logFile), 0o755);
    const { output } = await runCall([...form.argv, "--check", "mail.test"], {
      env: home.env,
      stdio: "pipes",
    });
    const note = `note: the log ${home.logFile} had mode 0644, and has 0600 now`;
    assert.ok(output.toString().split("\n").includes(note), output.toString());
    assert.deepEqual([modeOf(home.logFile), modeOf(dirname(home.logFile))], [0o600, 0o700]);
    assert.match(home.log(), /^before\n/);
    chmodSync(home.logFile, 0o666);
    await runCall(argv, { env: home.env, input: "A1 NOOP\r\n" });
    assert.equal(modeOf(home.logFile), 0o600);
    assert.match(home.log(), /imap: open after/);
  });

  test("is not written where it is another file's name too, and --check says so, as of records", async () => {
    using home = makeHome();
    home.writeTable(tableFor(sshd, { "commands.imap": saying(home, GREETING) }));
    const victim = home.write("victim", "as it was\n", 0o644);
    home.write("state/preauth/refused/record", "{}", 0o644);
    const record = join(dirname(home.logFile), "refused/record");
    for (const [make, why] of [
      [() => linkSync(victim, home.logFile), "has a second name (a hard link)"],
      [() => home.link("state/preauth/log", victim), "is a symbolic link"],
    ] as const) {
      rmSync(home.logFile, { force: true });
      make();
      const { output } = await runCall([...form.argv, "--check", "mail.test"], {
        env: home.env,
        stdio: "pipes",
      });
      const lines = output.toString().split("\n");
      assert.ok(lines.includes(`note: nothing is logged: ${home.logFile} ${why}`), output.toString());
      assert.ok(lines.includes(`note: ${record} is open to others (mode 0644), and is not believed`));
      assert.equal(readFileSync(victim, "utf8"), "as it was\n");
      assert.equal(modeOf(victim), 0o644);
    }
  });

  test("is not written through a link", async () => {
    using home = makeHome();
    const victim = home.write("victim", "as it was\n");
    home.write("state/preauth/other", "");
    home.link("state/preauth/log", victim);
    home.writeTable(tableFor(sshd, { "commands.imap": "exit 3" }));
    assert.equal((await converse(argv, { env: home.env })).status, 3);
    assert.equal(readFileSync(victim, "utf8"), "as it was\n");
  });
});

describeForms("root with somebody's HOME", { concurrency: 2 }, (form) => {
  const JANE = 12345;

  /** A home of jane's and one of root's own in passwd(5), for a program that is started as `sudo -E` would. */
  function othersHome() {
    const janes = makeHome();
    const roots = makeHome();
    const { XDG_STATE_HOME: _state, XDG_CONFIG_HOME: _config, ...env } = janes.env;
    roots.writeTable(tableFor(sshd, { "commands.imap": saying(roots, GREETING), share: true, persist: "0" }));
    for (const path of [janes.path, ...readdirSync(janes.path).map((name) => join(janes.path, name))]) {
      chownSync(path, JANE, JANE);
    }
    const passwd = roots.write("passwd", `root:x:0:0::${roots.path}:/bin/sh\n`, 0o644);
    const own = 'mount --bind "$0" /etc/passwd && exec "$@"';
    return {
      janes: janes.path,
      env: { ...env, PREAUTH_TABLE: roots.tableFile },
      under: [program("unshare"), "--mount", "--propagation", "private", "sh", "-c", own, passwd],
      /** Files of root's in jane's home. */
      left: () => execFileSync("find", [janes.path, "-uid", "0"], { encoding: "utf8" }),
      log: () => readFileSync(join(roots.path, ".local/state/preauth/log"), "utf8"),
      said: `belongs to uid ${JANE}, so root's log, and what it remembers, is in ${roots.path}/.local/state/preauth`,
      [Symbol.dispose]: () => {
        janes[Symbol.dispose]();
        roots[Symbol.dispose]();
      },
    };
  }

  async function asRoot(words: readonly string[], stdio: "alpine" | "pipes") {
    using home = othersHome();
    const { env, under, said } = home;
    const finished = await runCall([...form.argv, ...words], { env, under, stdio, input: "A1 NOOP\r\n" });
    return { ...finished, left: home.left(), log: home.log(), said };
  }

  test("opens the mailbox, and leaves no file there", { skip: skipUnlessRoot }, async () => {
    const { status, output, left, log, said } = await asRoot(MAIL, "alpine");
    assert.deepEqual([status, output.toString(), left], [0, ECHO, ""]);
    assert.ok(log.includes(`mail.test: HOME ${said}\n`), log);
  });

  test("is told where the log is", { skip: skipUnlessRoot }, async () => {
    const { stderr, left, said } = await asRoot(["--check", "mail.test"], "pipes");
    assert.ok(stderr.includes(`preauth: HOME ${said}\n`), stderr);
    assert.equal(left, "");
  });

  test("does without a home that is none, or that it may not look into", {
    skip: skipUnlessRoot,
  }, async () => {
    using home = othersHome();
    chmodSync(home.janes, 0o700);
    for (const [HOME = "", under, said] of [
      ["/dev/null", [], /^$/],
      // As NFS has it with root_squash.
      [home.janes, withoutPrivileges(), /^preauth: HOME cannot be looked at \(EACCES\), so root's log/],
    ] as const) {
      const finished = await runCall([...form.argv, "--version"], {
        env: { PATH: "/usr/bin:/bin", HOME },
        under,
        stdio: "pipes",
      });
      assert.equal(finished.status, 0);
      assert.match(finished.output.toString(), /^preauth \d/);
      assert.match(finished.stderr, said);
    }
  });

  test("makes no key there, and changes none of its files", { skip: skipUnlessRoot }, async () => {
    using home = othersHome();
    const { env, under } = home;
    const verb = (...words: string[]) =>
      openTerminal([...under, ...form.argv, ...words], { env, columns: 200 });
    const reason = / is reached by \S+, which belongs to uid 12345/;
    await using init = await verb("--init", "other.test");
    assert.doesNotMatch(await init.waitFor(reason, "the reason"), /ssh to, as/);
    assert.equal(await init.ended(), 78);
    await using authorize = await verb("--authorize", "mail.test");
    await authorize.waitFor(/the key for mail alone/, "the question for its place");
    authorize.keys("Enter");
    await authorize.waitFor(/passphrase/, "the question for its passphrase");
    authorize.keys("Enter");
    await authorize.waitFor(reason, "the reason");
    assert.equal(await authorize.ended(), 78);
    assert.equal(home.left(), "");
  });
});
