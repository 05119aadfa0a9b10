import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { userInfo } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { describeForms, type Form } from "../../peers/binaries.ts";
import { type Finished, runCall } from "../../peers/call.ts";
import { type Home, hostTable, makeHome, tableFor } from "../../peers/home.ts";
import { type Sshd, startSshd } from "../../peers/sshd.ts";
import { trace } from "../../peers/strace.ts";
import { GREETING, MAIL, saying } from "./client.ts";

let sshd: Sshd;
before(async () => {
  sshd = await startSshd();
});
after(() => sshd.stop());

const ECHO = `${GREETING}A1 NOOP\r\n`;

/** Packages that the program is built from, and what it or its runtimes might ask for. */
const PACKAGES = [
  "ssh2",
  "smol-toml",
  "minimist",
  "picomatch",
  "toml-eslint-parser",
  "cpu-features",
  "net",
  "bun",
];
const MODULES = [
  "evil.js",
  "second_bundle.js",
  "cli/run_verb.js",
  "run_verb.js",
  "call/second_bundle.js",
  "src/call/second_bundle.js",
  "parts/second_bundle.js",
  "positions.js",
  "table/positions.js",
  "src/table/positions.js",
  "index.js",
  "preauth.js",
  "index.ts",
];
const ADDONS = ["sshcrypto.node", "build/Release/sshcrypto.node", "crypto/build/Release/sshcrypto.node"];

/** A directory full of files that would leave `ran` behind if anybody ran or believed them. */
function plant(home: Home): { readonly folder: string; readonly ran: string } {
  const ran = join(home.path, "ran");
  const table = home.write("here/evil.toml", hostTable({ match: "*", command: `touch ${ran}` }));
  const code = (name: string) =>
    `process.getBuiltinModule("node:fs").appendFileSync("${ran}", "${name}\\n");\n`;
  for (const name of [...MODULES, ...ADDONS]) home.write(`here/${name}`, code(name));
  for (const name of PACKAGES) {
    home.write(`here/node_modules/${name}/index.js`, code(name));
    home.write(`here/node_modules/${name}/package.json`, `{ "name": "${name}", "main": "index.js" }\n`);
  }
  const environment = `PREAUTH_TABLE=${table}\nNODE_OPTIONS=--require=./evil.js\nBUN_INSPECT_PRELOAD=./evil.js\n`;
  for (const name of [".env", ".env.local", ".env.production", ".env.development"]) {
    home.write(`here/${name}`, environment);
  }
  home.write("here/bunfig.toml", 'preload = ["./evil.js"]\n[run]\npreload = ["./evil.js"]\n');
  home.write(
    "here/package.json",
    '{ "type": "module", "main": "evil.js", "imports": { "#*": "./evil.js" } }\n',
  );
  home.write("here/tsconfig.json", '{ "compilerOptions": { "paths": { "*": ["./evil.js"] } } }\n');
  home.write("here/hosts.toml", readFileSync(table, "utf8"));
  for (const name of ["ssh", "getent", "sh", "bun", "node"]) {
    home.write(`here/${name}`, `#!/bin/sh\necho ${name} >> ${ran}\n`, 0o755);
  }
  const config = `ProxyCommand touch ${ran}\nUserKnownHostsFile /dev/null\n`;
  for (const name of ["config", "ssh_config", ".ssh/config"]) home.write(`here/${name}`, config);
  home.write("here/below/deeper/file", "");
  return { folder: join(home.path, "here"), ran };
}

/** A session whose server greets and then echoes, in this environment. */
function session(form: Form, env: Readonly<Record<string, string>>, cwd?: string): Promise<Finished> {
  const options = { env, input: "A1 NOOP\r\n", ...(cwd === undefined ? {} : { cwd }) };
  return runCall([...form.argv, ...MAIL], options);
}

function without(env: Readonly<Record<string, string>>, ...names: string[]): Record<string, string> {
  return Object.fromEntries(Object.entries(env).filter(([name]) => !names.includes(name)));
}

describeForms("the directory that a call is started in", { concurrency: 3 }, (form) => {
  test("has no say: nothing in it is run or believed", async () => {
    using home = makeHome();
    const { folder, ran } = plant(home);
    execFileSync(process.execPath, [join(folder, "index.js")], { cwd: "/" });
    assert.equal(readFileSync(ran, "utf8"), "index.js\n", "what is planted does run");
    rmSync(ran);

    home.writeTable(tableFor(sshd, { "commands.imap": saying(home, GREETING) }));
    // Bun looks for some of them in the directories above as well.
    for (const cwd of [folder, join(folder, "below/deeper")]) {
      const { status, output } = await session(form, home.env, cwd);
      assert.deepEqual([status, output.toString()], [0, ECHO]);
    }
    for (const [words, expected] of [
      [["nowhere.test", "jane", "imap"], 1],
      [["mail.test", "jane"], 64],
      [["--help"], 0],
      [["--explain", "mail.test"], 0],
      [["--explain", "nowhere.test"], 1],
      [["--check", "nowhere.test"], 1],
      // What it runs only echoes: SELECT fails.
      [["--check", "mail.test"], 69],
      [["--forward", "mail.test"], 78],
      [["--version"], 0],
    ] as const) {
      const ended = await runCall([...form.argv, ...words], { env: home.env, cwd: folder });
      assert.equal(ended.status, expected, words.join(" "));
    }
    // The parser that tells where in the table a mistake is.
    home.writeTable("[[host]]\nmatch = 3\n");
    const wrong = await runCall([...form.argv, "--explain", "mail.test"], {
      ...{ env: home.env, cwd: folder },
      stdio: "pipes",
    });
    assert.match(wrong.stderr, /:2:9: match must be/);
    assert.equal(existsSync(ran), false, existsSync(ran) ? readFileSync(ran, "utf8") : "");
  });

  test("is not even looked into", async () => {
    using home = makeHome();
    const { folder } = plant(home);
    home.writeTable(tableFor(sshd, { "commands.imap": saying(home, GREETING) }));
    const calls = trace(home, ["open", "openat", "execve"]);
    const options = { env: home.env, cwd: folder, under: calls.under, input: "A1 NOOP\r\n" };
    assert.equal((await runCall([...form.argv, ...MAIL], options)).status, 0);
    const files = calls.lines().filter((line) => !line.includes("ENOENT") && !line.includes("O_DIRECTORY"));
    assert.ok(
      files.some((line) => line.includes(home.tableFile)),
      "the trace has seen the table",
    );
    // Relative names, and absolute ones below it: an addon that is opened here would be run as machine code.
    assert.deepEqual(
      files.filter((line) => line.includes(`"${folder}/`) || /\((AT_FDCWD, )?"[^/]/.test(line)),
      [],
    );
  });

  const onNode = {
    skip: form.name === "node" ? false : "the executable fails before it is ours: doc/troubleshooting.md",
  };
  test("may have been deleted", onNode, async () => {
    using home = makeHome();
    home.writeTable(tableFor(sshd, { "commands.imap": saying(home, GREETING) }));
    home.write("gone/file", "");
    const under = ["sh", "-c", `cd ${home.path}/gone && rm -r ${home.path}/gone && exec "$@"`, "sh"];
    const options = { env: home.env, under, input: "A1 NOOP\r\n" };
    const { status, output } = await runCall([...form.argv, ...MAIL], options);
    assert.deepEqual([status, output.toString()], [0, ECHO]);
    const unknown = await runCall([...form.argv, "nowhere.test", "jane", "imap"], {
      env: home.env,
      under: GONE,
    });
    assert.deepEqual([unknown.status, unknown.output.toString()], [1, ""]);
  });
});

/** A directory that is gone once the program is started in it. */
const GONE = ["sh", "-c", 'd=$(mktemp -d) && cd "$d" && rmdir "$d" && exec "$@"', "sh"];

describeForms("the environment", { concurrency: 3 }, (form) => {
  test("may lack HOME, USER and LOGNAME", async () => {
    using home = makeHome();
    home.writeTable(tableFor(sshd, { "commands.imap": saying(home, GREETING) }));
    for (const names of [["HOME"], ["USER", "LOGNAME"], ["HOME", "USER", "LOGNAME", "LANG"]]) {
      const { status, output } = await session(form, without(home.env, ...names));
      assert.deepEqual([status, output.toString()], [0, ECHO], names.join());
    }
  });

  const homes: Readonly<Record<string, Readonly<Record<string, string>>>> = {
    "no HOME": {},
    "an empty HOME": { HOME: "" },
    "a relative HOME": { HOME: "here" },
  };
  for (const [name, variables] of Object.entries(homes)) {
    test(`with ${name} has the home of the password file, and never the directory one is in`, async () => {
      using home = makeHome();
      const table = hostTable({ match: "*", server: "127.0.0.1", on_failure: "silent" });
      for (const base of [".", "here"]) home.write(`${base}/.config/preauth/hosts.toml`, table);
      // The state stays below: this must not write into the real home.
      const env = { ...without(home.env, "HOME", "XDG_CONFIG_HOME"), ...variables };
      const words = [...form.argv, "nowhere.invalid", "jane", "imap"];
      const { status, stderr } = await runCall(words, { env, cwd: home.path, stdio: "pipes" });
      const real = join(userInfo().homedir, ".config/preauth/hosts.toml");
      assert.ok(stderr.includes(real), stderr);
      assert.ok(status === 1 || status === 78, `${status}`);
    });
  }

  test("has relative XDG directories ignored, and empty ones", async () => {
    for (const [config, state] of [
      ["config", "state"],
      ["./config", "../state"],
      ["", ""],
    ]) {
      using home = makeHome();
      mkdirSync(join(home.path, "here"));
      home.write("here/config/preauth/hosts.toml", hostTable({ match: "evil.test" }));
      const table = tableFor(sshd, { "commands.imap": saying(home, GREETING) });
      home.write(".config/preauth/hosts.toml", table);
      const env = { ...home.env, XDG_CONFIG_HOME: config ?? "", XDG_STATE_HOME: state ?? "" };
      const { status, output } = await session(form, env, join(home.path, "here"));
      assert.deepEqual([status, output.toString()], [0, ECHO]);
      assert.match(readFileSync(join(home.path, ".local/state/preauth/log"), "utf8"), /imap: open after/);
      assert.deepEqual(readdirSync(join(home.path, "here")), ["config"]);
    }
  });

  for (const path of ["/nonexistent", undefined]) {
    test(`may have ${path === undefined ? "no PATH" : "no ssh on its PATH"}: the table is enough`, async () => {
      using home = makeHome();
      home.writeTable(tableFor(sshd, { "commands.imap": saying(home, GREETING) }));
      const env = { ...without(home.env, "PATH"), ...(path === undefined ? {} : { PATH: path }) };
      const { status, output } = await session(form, env);
      assert.deepEqual([status, output.toString()], [0, ECHO]);
    });
  }

  test("has the empty and the relative entries of its PATH passed over, wherever a program is started", async () => {
    using home = makeHome();
    const { folder, ran } = plant(home);
    for (const name of ["hostname", "domainname", "stty", "planted"]) {
      home.write(`here/${name}`, `#!/bin/sh\necho ${name} >> ${ran}\n`, 0o755);
      home.write(`here/bin/${name}`, `#!/bin/sh\necho ${name} >> ${ran}\n`, 0o755);
    }
    home.write("here/bin/ssh", `#!/bin/sh\necho ssh >> ${ran}\n`, 0o755);
    const forward = `[[forward]]\nname = "smtp"\nlisten = 1\nto = "localhost:25"\nunless.domain = "home.net"\n`;
    const proxied = home.write("proxied", "Host *\n  ProxyCommand planted %h\n");
    const plain = { "commands.imap": saying(home, GREETING) };
    home.writeTable(
      [
        tableFor(sshd, plain),
        tableFor(sshd, { ...plain, match: "behind", ssh_config: proxied }),
        forward,
      ].join("\n"),
    );
    const real = home.env.PATH ?? "";
    for (const path of ["", ".", `:${real}`, `${real}:`, `.:${real}`, `bin:./bin:${real}`, `${real}::bin`]) {
      const env = { ...home.env, PATH: path };
      const { status, output } = await session(form, env, folder);
      assert.deepEqual([status, output.toString()], [0, ECHO], path);
      const explain = [...form.argv, "--explain", "mail.test"];
      const explained = await runCall(explain, { env, cwd: folder, stdio: "pipes" });
      assert.deepEqual([explained.status, explained.stderr], [0, ""], path);
      assert.doesNotMatch(explained.output.toString(), /there is no ssh/, path);
      const behind = await runCall([...form.argv, "behind", "jane", "imap"], { env, cwd: folder, input: "" });
      assert.equal(behind.status, 69, path);
      assert.equal(existsSync(ran), false, path);
    }
  });

  test("has a relative SHELL passed over, by ssh's own Match exec as well", async () => {
    using home = makeHome();
    const { folder, ran } = plant(home);
    home.write("here/shell", `#!/bin/sh\necho shell >> ${ran}\nexec /bin/sh "$@"\n`, 0o755);
    const { host, port, user, identity, knownHosts } = sshd;
    const gate = `HostName ${host}\n  Port ${port}\n  User ${user}\n  IdentityFile ${identity}`;
    // The ssh of the jump has a Match exec to run, too.
    const proxied = home.write(
      "proxied",
      `Host gate\n  ${gate}\n  UserKnownHostsFile ${knownHosts}\nHost ${host}\n  ProxyJump gate\nMatch exec "true"\n`,
    );
    home.writeTable(
      tableFor(sshd, { "commands.imap": saying(home, GREETING), ssh_config: proxied, share: false }),
    );
    for (const SHELL of ["shell", "./shell", "below/../shell", ""]) {
      const { status, output } = await session(form, { ...home.env, SHELL }, folder);
      assert.equal(existsSync(ran), false, SHELL);
      assert.deepEqual([status, output.toString()], [0, ECHO], SHELL);
    }
  });

  test("has relative paths of helpers and libraries passed over, by which ssh would run what is planted", async () => {
    using home = makeHome();
    home.writeTable(tableFor(sshd, { "commands.imap": saying(home, GREETING) }));
    const seen = join(home.path, "seen");
    home.write("bin/ssh", `#!/bin/sh\nenv > ${seen}\nexec ${ssh()} "$@"\n`, 0o755);
    const env = { ...home.env, PATH: `${home.path}/bin:${home.env.PATH}` };
    const names = [
      "OPENSSL_CONF",
      "OPENSSL_MODULES",
      "OPENSSL_ENGINES",
      "SSH_SK_HELPER",
      "SSH_PKCS11_HELPER",
      "SSH_SK_PROVIDER",
    ];
    const called = async (value: string): Promise<readonly string[]> => {
      const variables = Object.fromEntries(names.map((name) => [name, value]));
      const { status, output } = await session(form, { ...env, ...variables });
      assert.deepEqual([status, output.toString()], [0, ECHO], value);
      const lines = readFileSync(seen, "utf8").split("\n");
      return names.filter((name) => lines.includes(`${name}=${value}`));
    };
    for (const value of ["planted", "./planted", "below/../planted"]) {
      assert.deepEqual(await called(value), [], value);
    }
    assert.deepEqual(await called("/nonexistent/whole"), names);
  });

  test("decides what a terminal is shown: what it would not take as UTF-8 is ASCII", async () => {
    using home = makeHome();
    // Its second byte is CSI to a terminal that knows no UTF-8.
    home.writeTable(tableFor(sshd, { "commands.imap": "echo \u00db\u20ac" }));
    const shown = async (variables: Readonly<Record<string, string>>): Promise<Buffer> => {
      const env = { ...without(home.env, "LANG"), ...variables };
      const options = { env, stdio: "terminal", input: "" } as const;
      return (await runCall([...form.argv, "--explain", "mail.test"], options)).output;
    };
    for (const variables of [
      {},
      { LANG: "C" },
      { LANG: "en_US.ISO-8859-1" },
      { LANG: "C.UTF-8", LC_ALL: "POSIX" },
      { LANG: "C.UTF-8", LC_CTYPE: "de_DE" },
    ]) {
      const bytes = await shown(variables);
      assert.ok(bytes.toString("latin1").includes("echo \\xdb\\u20ac"), JSON.stringify(variables));
      assert.deepEqual(
        [...bytes].filter((byte) => byte > 0x7e),
        [],
        JSON.stringify(variables),
      );
    }
    for (const variables of [
      { LANG: "C.UTF-8" },
      { LC_CTYPE: "en_US.utf8" },
      { LC_ALL: "de_DE.UTF-8", LANG: "C" },
    ]) {
      assert.ok((await shown(variables)).toString().includes("echo \u00db\u20ac"), JSON.stringify(variables));
    }
  });

  test("gives ssh -G nothing of the client's: stdin is /dev/null, and what it says goes to the log", async () => {
    using home = makeHome();
    home.writeTable(tableFor(sshd, { "commands.imap": saying(home, GREETING) }));
    const seen = join(home.path, "seen");
    const look = "fds=$(readlink /proc/$$/fd/0 /proc/$$/fd/1 /proc/$$/fd/2)";
    const script = `#!/bin/sh\n${look}\necho "$fds" > ${seen}\nprintf 'junk \\033[1m\\n' >&2\nexec ${ssh()} "$@"\n`;
    home.write("bin/ssh", script, 0o755);
    const env = { ...home.env, PATH: `${home.path}/bin:${home.env.PATH}` };
    const { status, output } = await session(form, env);
    assert.deepEqual([status, output.toString()], [0, ECHO]);
    const [input, out, error] = readFileSync(seen, "utf8").trim().split("\n");
    assert.equal(input, "/dev/null");
    // Ours are FIFOs with names.
    assert.match(`${out} ${error}`, /^(socket|pipe):\S+ (socket|pipe):\S+$/);
    assert.match(home.log(), /ssh -G: junk \\e\[1m\n/);
  });
});

function ssh(): string {
  return execFileSync("sh", ["-c", "command -v ssh"], { encoding: "utf8" }).trim();
}
