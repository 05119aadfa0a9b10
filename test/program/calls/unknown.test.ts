import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { describeForms } from "../../peers/binaries.ts";
import { runCall, startCall } from "../../peers/call.ts";
import { hostTable, makeHome } from "../../peers/home.ts";
import { loadedModules } from "../../peers/modules.ts";
import { trace } from "../../peers/strace.ts";

const ROOT = fileURLToPath(new URL("../../..", import.meta.url));

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

  const onExecutable = { skip: form.name === "executable" ? false : "Node opens what it likes" };
  test("opens the table, and nothing else that an empty executable does not open", onExecutable, async () => {
    using home = makeHome();
    home.writeTable(TABLES["20 hosts"] ?? "");
    const empty = join(home.path, "empty");
    const options = ["bin/bundle.mjs", home.write("empty.ts", "process.exitCode = 1;\n"), empty];
    execFileSync(join(ROOT, "node_modules/.bin/bun"), options, { cwd: ROOT });
    // Names, for the runtime itself looks at /proc/self/statm as often as it likes.
    const opened = async (words: readonly string[], name: string): Promise<ReadonlySet<string>> => {
      const calls = trace(home, [...OUTSIDE, "open", "openat"], name);
      const { status } = await runCall(words, { env: home.env, under: calls.under });
      assert.equal(status, 1);
      const lines = calls.lines().filter((line) => /(open(at)?\(.*= \d+$)|socket\(|connect\(/.test(line));
      return new Set(lines.map((line) => /"([^"]*)"/.exec(line)?.[1] ?? line));
    };
    const [plain, refusal] = [await opened([empty], "empty.trace"), await opened(argv, "refusal.trace")];
    assert.equal(plain.size > 3, true, "the trace has seen what an executable opens");
    assert.deepEqual(
      [...refusal].filter((name) => !plain.has(name)),
      [home.tableFile],
    );
  });

  const onNode = { skip: form.name === "node" ? false : "the executable has no list of its modules" };
  const loadedBy = async (
    words: readonly string[],
    home: ReturnType<typeof makeHome>,
    stdio: "alpine" | "devnull",
  ): Promise<readonly string[]> => {
    const loaded = loadedModules(home);
    const [node = "", ...rest] = words;
    const env = { ...home.env, ...loaded.env };
    const { status } = await runCall([node, ...loaded.options, ...rest], { env, stdio });
    assert.equal(status, 1);
    return loaded.read().filter((module) => !module.startsWith("internal/"));
  };

  for (const [name, text] of Object.entries(TABLES)) {
    // What ssh2 requires would be here, what asks whether a descriptor is a terminal, and what makes a stream of one.
    test(`loads no module but those for files, with ${name} in the table`, onNode, async () => {
      using home = makeHome();
      home.writeTable(text);
      const [node = ""] = argv;
      for (const stdio of ["alpine", "devnull"] as const) {
        const plain = await loadedBy([node, home.write("empty.cjs", "process.exit(1);\n")], home, stdio);
        assert.ok(plain.includes("fs"), "the hook has run");
        const refusal = await loadedBy(argv, home, stdio);
        assert.deepEqual(
          refusal.filter((module) => !plain.includes(module)),
          [],
        );
      }
    });
  }
});
