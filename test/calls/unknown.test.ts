import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { describeForms } from "../peers/binaries.ts";
import { runCall, startCall } from "../peers/call.ts";
import { hostTable, makeHome } from "../peers/home.ts";
import { trace } from "../peers/strace.ts";

/** Names, globs with one `*` in front, globs that must be compiled, and exclusions: none has nowhere.test. */
const TABLES: Readonly<Record<string, string>> = {
  "one host": hostTable({ match: "mail.test" }),
  "20 hosts": Array.from({ length: 20 }, (_, n) => hostTable({ match: `mail${n}.test`, user: "jane" })).join(
    "\n",
  ),
  wildcards: hostTable({ match: ["*.example.org", "mail*.t?st", "imap-??.*", "!*.test"] }),
  "no host": "",
};

/** System calls that reach out, and those that change a file. */
const OUTSIDE = ["socket", "connect", "bind", "sendto"];
const CHANGES = [
  "mkdir",
  "mkdirat",
  "rename",
  "renameat",
  "renameat2",
  "unlink",
  "unlinkat",
  "link",
  "linkat",
];
const MORE = [
  "symlink",
  "symlinkat",
  "truncate",
  "ftruncate",
  "chmod",
  "fchmod",
  "fchmodat",
  "creat",
  "mknodat",
];

const WORDS = ["nowhere.test", "jane", "imap"];

describeForms("a server that the table does not have", { concurrency: 3 }, (form) => {
  const argv = [...form.argv, ...WORDS];

  for (const [name, text] of Object.entries(TABLES)) {
    test(`ends with 1 and without a byte, with ${name} in the table`, async () => {
      using home = makeHome();
      home.writeTable(text);
      await using call = await startCall(argv, { env: home.env });
      // The client's end of stdin stays open: nothing may wait for it.
      const { status, output } = await call.finished();
      assert.deepEqual([status, output.toString("latin1")], [1, ""]);
    });
  }

  test("is told of in one line on a standard error of its own, and leaves standard output empty", async () => {
    using home = makeHome();
    home.writeTable(hostTable({ match: "mail.test" }));
    const line = `preauth: nowhere.test: not in the table ${home.tableFile}\n`;
    for (const stdio of ["pipes", "socketpair"] as const) {
      const { status, output, stderr } = await runCall(argv, { env: home.env, stdio });
      assert.deepEqual([status, output.toString("latin1"), stderr], [1, "", line], stdio);
    }
  });

  test("is not told of where standard error is /dev/null or closed", async () => {
    using home = makeHome();
    home.writeTable(hostTable({ match: "mail.test" }));
    for (const stdio of ["devnull", "closed-stderr"] as const) {
      const { status, output } = await runCall(argv, { env: home.env, stdio });
      assert.deepEqual([status, output.toString("latin1")], [1, ""], stdio);
    }
  });

  test("is told of on a terminal", async () => {
    using home = makeHome();
    home.writeTable(hostTable({ match: "mail.test" }));
    await using call = await startCall(argv, { env: home.env, stdio: "terminal" });
    const { status, output } = await call.finished();
    const line = `preauth: nowhere.test: not in the table ${home.tableFile}\r\n`;
    assert.deepEqual([status, output.toString("latin1")], [1, line]);
  });

  for (const method of ["imap", "smtp"]) {
    test(`is not ours in the form of rsh(1) and for METHOD ${method} either`, async () => {
      using home = makeHome();
      home.writeTable(hostTable({ match: "mail.test" }));
      const words = ["nowhere.test", "-l", "jane", "exec", `/etc/r${method}d`];
      const { status, output } = await runCall([...form.argv, ...words], { env: home.env });
      assert.deepEqual([status, output.toString("latin1")], [1, ""]);
    });
  }

  for (const table of ["20 hosts", "wildcards"]) {
    test(`makes no socket and changes no file, with ${table} in the table`, async () => {
      using home = makeHome();
      home.writeTable(TABLES[table] ?? "");
      const calls = trace(home, [...OUTSIDE, ...CHANGES, ...MORE, "open", "openat", "execve"]);
      const { status, output } = await runCall(argv, { env: home.env, under: calls.under });
      assert.deepEqual([status, output.toString("latin1")], [1, ""]);
      const seen = calls.lines().filter((line) => line !== "");
      assert.equal(seen.filter((line) => line.includes("execve(")).length, 1, "it starts no other program");
      assert.ok(
        seen.some((line) => line.includes("hosts.toml")),
        "the trace saw the table being opened",
      );
      const opened = seen.filter((line) => /open(at)?\(/.test(line));
      const written = opened.filter(
        (line) => /O_WRONLY|O_RDWR|O_CREAT/.test(line) && !line.includes('"/dev/'),
      );
      assert.deepEqual(written, []);
      assert.deepEqual(
        seen.filter((line) => !/open(at)?\(|execve\(/.test(line)),
        [],
      );
      assert.deepEqual(readdirSync(home.path).sort(), ["config", "run", "trace"]);
    });
  }

  const onNode = { skip: form.name === "node" ? false : "the executable has no list of its modules" };
  for (const [name, text] of Object.entries(TABLES)) {
    test(`loads nothing of the network, of keys, or of SSH, with ${name} in the table`, onNode, async () => {
      using home = makeHome();
      home.writeTable(text);
      const [node = "", ...rest] = argv;
      const loaded = loadedModules(home.write("hook.cjs", HOOK), join(home.path, "loaded"));
      const { status } = await runCall([node, "-r", loaded.hook, ...rest], {
        env: { ...home.env, ...loaded.env },
      });
      assert.equal(status, 1);
      const modules = loaded.read();
      assert.ok(modules.includes("fs"), "the hook has run");
      // ssh2 requires all of these before it does anything.
      const heavy = ["net", "crypto", "dns", "tls", "zlib", "child_process", "http", "dgram"];
      assert.deepEqual(
        modules.filter((module) => heavy.includes(module)),
        [],
      );
    });
  }
});

/** Writes the names of Node's own modules that were loaded, at the end of the process. */
const HOOK = `
  const fs = require("node:fs");
  process.on("exit", () => {
    const names = process.moduleLoadList.map((entry) => entry.replace(/^(NativeModule|Internal Binding) /, "$1:"));
    fs.writeFileSync(process.env.LOADED, names.join("\\n"));
  });
`;

interface Loaded {
  readonly hook: string;
  readonly env: Readonly<Record<string, string>>;
  read(): readonly string[];
}

function loadedModules(hook: string, file: string): Loaded {
  const prefix = "NativeModule:";
  const read = () => {
    assert.ok(existsSync(file), "the hook has written its list");
    const names = readFileSync(file, "utf8").split("\n");
    return names.filter((name) => name.startsWith(prefix)).map((name) => name.slice(prefix.length));
  };
  return { hook, env: { LOADED: file }, read };
}
