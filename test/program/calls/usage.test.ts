import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { describeForms } from "../../peers/binaries.ts";
import { runCall } from "../../peers/call.ts";
import { hostTable, makeHome } from "../../peers/home.ts";
import { trace } from "../../peers/strace.ts";

/** Calls whose words are wrong. The table has a host for every SERVER, so that only the words can stop them. */
const WRONG: readonly (readonly string[])[] = [
  [],
  ["mail.test"],
  ["mail.test", "jane"],
  ["mail.test", "jane", "imap", "more"],
  ["mail.test", "jane", "imap", "--"],
  ["mail.test", "jane", "imap", "--", "joe@isp.com"],
  ["mail.test", "jane", "sendmail", "--"],
  ["mail.test", "jane", "sendmail", "--", ""],
  ["mail.test", "jane", "sendmail", "--", "joe@isp.com\n"],
  ["mail.test", "jane", "sendmail", "joe", "imap"],
  // Alpine's {mail.test/user="jane sendmail"}.
  ["mail.test", "jane", "sendmail", "imap"],
  ["mail.test", "jane", "sendmail", "-f", "$(touch x)"],
  ["mail.test", "-l", "jane", "exec", "/etc/rsendmaild", "--", "joe@isp.com"],
  ["mail.test", "jo", "e", "imap"],
  ["", "jane", "imap"],
  ["mail.test", "", "imap"],
  ["mail.test", "jane", ""],
  ["mail.test", "jane", "IMAP"],
  ["mail.test", "jane", "-imap"],
  ["mail.test", "jane", "imap;x"],
  ["mail.test", "jane", "m".repeat(33)],
  ["mail.test", "jane", "imap", "-q"],
  // rsh(1)'s form, not quite.
  ["mail.test", "-l"],
  ["mail.test", "-l", "jane"],
  ["mail.test", "-l", "jane", "exec"],
  ["mail.test", "-l", "jane", "/etc/rd"],
  ["mail.test", "-l", "jane", "imap"],
  ["mail.test", "-l", "jane", "/bin/sh"],
  ["mail.test", "-l", "jane", "/etc/r../../bin/shd"],
  ["mail.test", "-l", "jane", "exec", "exec", "/etc/rimapd"],
  ["mail.test", "-l", "jane", "exec", "/etc/rimapd", "more"],
  ["mail.test", "-l", "jane", "-q", "exec", "/etc/rimapd"],
  ["mail.test", "-q", "exec", "/etc/rimapd"],
  ["mail.test", "-v", "-l", "jane", "exec", "/etc/rimapd"],
  ["mail.test", "-p", "25", "-l", "jane", "exec", "/etc/rimapd"],
  ["mail.test", "jane", "-l", "jane", "exec", "/etc/rimapd"],
  // Verbs.
  ["--"],
  ["--nonsense"],
  ["--help", "more"],
  ["--help", "--help"],
  ["--version", "more"],
  ["--version", "--loud"],
  ["--login"],
  ["--check"],
  ["--explain", "mail.test", "jane", "imap", "more"],
  ["--check", "mail.test", "jane", "imap", "more"],
  ["--explain", "--loud", "mail.test"],
  ["--explain", "mail.test", "--loud=1"],
  ["--explain", "-v", "mail.test"],
  ["--check", "mail.test", "jane", "--table=evil.toml"],
  // Alpine's {--table=evil.toml/user="work jane"}, {--login/user=work}, {--check/user=-oProxyCommand=x}.
  ["--table=evil.toml", "work", "jane", "imap"],
  ["--table", "evil.toml", "work", "jane", "imap"],
  ["--login", "-l", "work", "exec", "/etc/rimapd"],
  ["--check", "-oProxyCommand=x", "imap"],
  ["-h"],
  ["-V"],
];

/** What ssh(1) would refuse as a host, and what is longer than any. */
const SERVERS = [
  "-oProxyCommand=touch x",
  "-x",
  "a;b",
  "a b",
  "$(touch x)",
  "`touch x`",
  "a\nb",
  "a'b",
  "a\\b",
];
const USERS = [
  "-oProxyCommand=touch x",
  "-x",
  "a;b",
  "$(touch x)x)",
  "`touch x`",
  "a\nb",
  "a'b",
  'a"b',
  "a -b",
  "a\\",
];
const LONG = "n".repeat(256);

describeForms("a call whose words are wrong", { concurrency: 3 }, (form) => {
  test("ends with 64, and without a byte where the client reads standard error too", async () => {
    using home = makeHome();
    home.writeTable(hostTable({ match: "*" }));
    for (const words of WRONG) {
      const { status, output } = await runCall([...form.argv, ...words], { env: home.env });
      assert.deepEqual([status, output.toString("latin1")], [64, ""], `preauth ${words.join(" ")}`);
    }
    assert.equal(existsSync(home.logFile), false, "nothing is logged of a call that was none");
  });

  test("is told of in one line on a standard error of its own, with what is wrong", async () => {
    using home = makeHome();
    home.writeTable(hostTable({ match: "*" }));
    const lines: readonly (readonly [words: readonly string[], line: string])[] = [
      [[], "preauth: usage: SERVER, USER and METHOD are missing\n"],
      [["mail.test"], "preauth: usage: USER and METHOD are missing\n"],
      [["mail.test", "jane"], "preauth: usage: METHOD is missing\n"],
      [["mail.test", "jane", "imap", "more"], 'preauth: usage: one word too many: "more"\n'],
      [["mail.test", "jane", "IMAP"], 'preauth: METHOD: "IMAP" is not a method such as imap\n'],
      [["-oProxyCommand=x", "jane", "imap"], 'preauth: SERVER: "-oProxyCommand=x" is not a host name\n'],
      [["mail.test", "a\x1b[2J\nb", "imap"], 'preauth: USER: "a\\e[2J\\nb" is not a user name\n'],
      [["--nonsense"], 'preauth: usage: no verb "--nonsense"\n'],
      [["--check"], "preauth: usage: --check needs a SERVER\n"],
      [["--version", "more"], 'preauth: usage: one word too many: "more"\n'],
    ];
    for (const [words, line] of lines) {
      const { status, output, stderr } = await runCall([...form.argv, ...words], {
        env: home.env,
        stdio: "pipes",
      });
      assert.deepEqual([status, output.toString("latin1"), stderr], [64, "", line]);
    }
  });

  test("is told of on a terminal with the forms that there are", async () => {
    using home = makeHome();
    for (const words of [[], ["mail.test"], ["mail.test", "jane"], ["a", "b", "c", "d"], ["--nonsense"]]) {
      const options = { env: home.env, stdio: "terminal" } as const;
      const { status, output } = await runCall([...form.argv, ...words], options);
      assert.equal(status, 64);
      assert.match(
        output.toString("latin1"),
        /^preauth: usage: .*\r\nusage: preauth SERVER USER METHOD \[-- ADDRESS\.\.\.\]\r\n/,
      );
      assert.match(
        output.toString("latin1"),
        /preauth SERVER \[-q -a -x -T\] -l USER \[exec\] \/etc\/rMETHODd\r\n/,
      );
    }
  });

  test("runs nothing, whatever stands for SERVER or USER", async () => {
    using home = makeHome();
    const ran = join(home.path, "ran");
    // Whoever got as far as a connection would leave a file.
    const ssh_config = home.write("ssh_config", `ProxyCommand touch ${ran}\n`);
    home.writeTable(hostTable({ match: "*", ssh_config, on_failure: "silent" }));
    const calls = [
      ...[...SERVERS, LONG].flatMap((server) => [
        [server, "jane", "imap"],
        [server, "-l", "jane", "exec", "/etc/rimapd"],
      ]),
      ...[...USERS, LONG].flatMap((user) => [
        ["mail.test", user, "imap"],
        ["mail.test", "-l", user, "exec", "/etc/rimapd"],
      ]),
    ];
    for (const words of calls) {
      const { status, output } = await runCall([...form.argv, ...words], { env: home.env, cwd: home.path });
      assert.deepEqual([status, output.toString("latin1")], [64, ""], words.join(" "));
    }
    assert.deepEqual([existsSync(ran), existsSync(join(home.path, "x"))], [false, false]);

    await runCall([...form.argv, "n".repeat(255), "jane", "imap"], { env: home.env, input: "A1 NOOP\r\n" });
    assert.equal(existsSync(ran), true, "a good call does get there");
  });

  test("reads no table that its words name, and none at all", async () => {
    using home = makeHome();
    home.writeTable(hostTable({ match: "*" }));
    home.write("evil.toml", hostTable({ match: "*" }));
    const calls = trace(home, ["open", "openat"]);
    const words = ["--table=evil.toml", "work", "jane", "imap"];
    const options = { env: home.env, cwd: home.path, under: calls.under };
    const { status } = await runCall([...form.argv, ...words], options);
    assert.equal(status, 64);
    assert.ok(calls.lines().length > 3, "the trace has seen the program");
    assert.deepEqual(
      calls.lines().filter((line) => line.includes(".toml")),
      [],
    );
  });
});

describeForms("--help and --version", { concurrency: 3 }, (form) => {
  test("say on standard output what they are asked, merged or not", async () => {
    using home = makeHome();
    for (const stdio of ["alpine", "pipes", "devnull"] as const) {
      const help = await runCall([...form.argv, "--help"], { env: home.env, stdio });
      assert.deepEqual([help.status, help.stderr], [0, ""]);
      assert.match(help.output.toString(), /^usage: preauth SERVER USER METHOD \[-- ADDRESS\.\.\.\]\n/);
      assert.match(help.output.toString(), /--explain[\s\S]*--check[\s\S]*hosts\.toml/);
      const version = await runCall([...form.argv, "--version"], { env: home.env, stdio });
      assert.deepEqual(
        [version.status, version.output.toString(), version.stderr],
        [0, `preauth ${VERSION}\n`, ""],
      );
    }
  });

  test("need neither a home nor a table", async () => {
    for (const word of ["--help", "--version"]) {
      const { status, output } = await runCall([...form.argv, word], { env: {} });
      assert.deepEqual([status, output.length > 0], [0, true]);
    }
  });
});

const VERSION = JSON.parse(
  readFileSync(fileURLToPath(new URL("../../../package.json", import.meta.url)), "utf8"),
).version;
