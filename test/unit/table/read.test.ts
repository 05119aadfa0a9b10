import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { chmodSync, chownSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, test } from "node:test";
import { TableFailure } from "../../../src/table/failure.ts";
import { readTable, readText, tablePath } from "../../../src/table/read.ts";
import { makeTemporary, removeTemporary } from "../../peers/temporary.ts";
import { SAMPLE } from "./sample.ts";

const home = makeTemporary();
after(() => removeTemporary(home));

const uid = process.geteuid?.() ?? 0;

/** A file of that name in the temporary directory. */
function written(name: string, text: string | Uint8Array, mode = 0o600): string {
  const path = join(home, name);
  writeFileSync(path, text);
  chmodSync(path, mode);
  return path;
}

async function refusal(path: string, as = uid): Promise<TableFailure> {
  const failure = await readTable(path, as).then(
    () => assert.fail("the table should be refused"),
    (error: unknown) => error,
  );
  assert.ok(failure instanceof TableFailure, String(failure));
  assert.equal(failure.status, 78);
  assert.deepEqual(failure.problems.slice(0, 1), [failure.message]);
  return failure;
}

test("PREAUTH_TABLE names the table", () => {
  assert.equal(tablePath({ PREAUTH_TABLE: "/t.toml", XDG_CONFIG_HOME: "/config" }, "/home/jane"), "/t.toml");
});

test("without PREAUTH_TABLE the table is below XDG_CONFIG_HOME", () => {
  const expected = "/config/preauth/hosts.toml";
  assert.equal(tablePath({ XDG_CONFIG_HOME: "/config" }, "/home/jane"), expected);
  assert.equal(tablePath({ PREAUTH_TABLE: "", XDG_CONFIG_HOME: "/config/" }, "/home/jane"), expected);
});

test("without XDG_CONFIG_HOME, or with one that is not absolute, the table is below ~/.config", () => {
  for (const config of [undefined, "", "config", "./config"]) {
    assert.equal(
      tablePath({ XDG_CONFIG_HOME: config }, "/home/jane"),
      "/home/jane/.config/preauth/hosts.toml",
    );
  }
});

test("a table of one's own is read, with the path in it", async () => {
  const path = written("good.toml", SAMPLE);
  const table = await readTable(path, uid);
  assert.equal(table.file, path);
  assert.equal(table.hosts.length, 3);
  assert.equal(readText(path, uid), SAMPLE);
});

test("a table of root's is good for everybody", { skip: uid !== 0 && "needs root" }, async () => {
  assert.equal((await readTable(written("root.toml", SAMPLE, 0o644), 12_345)).hosts.length, 3);
});

test("a table behind a symbolic link is judged by the file", async () => {
  const link = join(home, "link.toml");
  symlinkSync(written("target.toml", SAMPLE), link);
  assert.equal((await readTable(link, uid)).file, link);
  chmodSync(join(home, "target.toml"), 0o666);
  assert.equal((await refusal(link)).what, "is writable by group or others (mode 0666)");
});

test("a table that is not there is missing, which is told apart from all that is wrong", async () => {
  const dangling = join(home, "dangling.toml");
  symlinkSync("nowhere", dangling);
  for (const path of [join(home, "none.toml"), join(written("file", ""), "hosts.toml"), dangling]) {
    const failure = await refusal(path);
    assert.equal(failure.missing, true);
    assert.equal(failure.message, `${path}: no such table`);
    assert.deepEqual(failure.hints, ["make one: preauth --init"]);
  }
});

test("a table that others can write to is refused, with what to do", async () => {
  for (const mode of [0o620, 0o602, 0o666]) {
    const path = written(`mode ${mode}.toml`, SAMPLE, mode);
    const failure = await refusal(path);
    assert.equal(failure.missing, false);
    assert.equal(failure.message, `${path}: is writable by group or others (mode 0${mode.toString(8)})`);
    assert.deepEqual(failure.hints, [`chmod go-w '${path}'`]);
  }
  const path = written("plain.toml", SAMPLE, 0o664);
  assert.deepEqual((await refusal(path)).hints, [`chmod go-w ${path}`]);
});

test("a table of another user is refused", async () => {
  const path = written("other.toml", SAMPLE);
  if (uid === 0) chownSync(path, 12_345, 12_345);
  const [owner, reader] = uid === 0 ? [12_345, 0] : [uid, uid + 1];
  const failure = await refusal(path, reader);
  assert.equal(failure.message, `${path}: belongs to uid ${owner}, not to you (uid ${reader}) or root`);
  assert.deepEqual(failure.hints, [`chown ${reader} ${path}`]);
});

test("a table that may not be read is refused, with what to do", async () => {
  const path = written("secret.toml", SAMPLE, 0);
  if (uid === 0) process.seteuid?.(65_534);
  const failure = await refusal(path).finally(() => uid === 0 && process.seteuid?.(0));
  assert.equal(failure.missing, false);
  assert.equal(failure.message, `${path}: cannot be opened (EACCES)`);
  assert.deepEqual(failure.hints, [`chmod u+r ${path}`]);
});

test("a path that leads nowhere for another reason is refused with the reason", async () => {
  const path = join(home, "loop.toml");
  symlinkSync(path, path);
  const failure = await refusal(path);
  assert.equal(failure.missing, false);
  assert.equal(failure.message, `${path}: cannot be opened (ELOOP)`);
});

test("a directory, a device and a FIFO that nobody writes to are refused at once", async () => {
  const directory = join(home, "directory");
  mkdirSync(directory, { mode: 0o700 });
  const fifo = join(home, "fifo");
  execFileSync("mkfifo", ["-m", "600", fifo]);
  for (const path of [directory, fifo, "/dev/null"]) {
    const failure = await refusal(path);
    assert.equal(failure.missing, false);
    assert.equal(failure.message, `${path}: is not a regular file`);
  }
});

test("a table of 1 MiB is read, and one byte more is refused", async () => {
  const path = written("large.toml", `#${"x".repeat(1024 * 1024 - 2)}\n`);
  assert.deepEqual((await readTable(path, uid)).hosts, []);
  writeFileSync(path, "\n", { flag: "a" });
  assert.equal((await refusal(path)).message, `${path}: is larger than 1048576 bytes`);
});

test("a table in another character set is refused at the first character that shows it", async () => {
  const path = written("latin1.toml", Buffer.from('[[host]]\nmatch = "\u00e9t\u00e9"\n', "latin1"));
  assert.equal((await refusal(path)).message, `${path}:2:10: is not UTF-8: 'match = "\ufffdt\ufffd"'`);
  const cut = written("cut.toml", Buffer.concat([Buffer.from("# \u00e9\n# \u20ac"), Buffer.from([0xef])]));
  assert.equal((await refusal(cut)).message, `${cut}:2:4: is not UTF-8: "# \u20ac\ufffd"`);
});

test("what is wrong in the text is told with the path, line and column", async () => {
  const path = written("wrong.toml", '[[host]]\nmatch = "h"\nport = "x"\nspare = 2\n');
  const failure = await refusal(path);
  assert.equal(failure.missing, false);
  assert.deepEqual(failure.problems, [
    `${path}:3:8: port must be a port from 1 to 65535, not "x"`,
    `${path}:4:9: spare must be 0 or 1, not 2`,
  ]);
});

test("a socket has one forward, whatever the table calls its path", async () => {
  mkdirSync(join(home, "run"));
  symlinkSync("run", join(home, "link"));
  for (const name of ["down", "run"]) mkdirSync(join(home, "deep", name), { recursive: true });
  symlinkSync("deep/down", join(home, "down"));
  const table = (...listens: readonly string[]): string =>
    listens
      .map((one, index) => `[[forward]]\nname = "${index}"\nlisten = ${JSON.stringify(one)}\nto = "h:25"\n`)
      .join("");
  const first = join(home, "run", "x");
  for (const other of [
    "~/run/x",
    "~/link/x",
    join(home, "link", "x"),
    "~/run/../link//x",
    "~/x/../run/x",
    "~/down/../../run/x",
  ]) {
    const path = written("twice.toml", table(first, other));
    const failure = await readTable(path, uid, home).then(
      () => assert.fail(`${other} should be refused`),
      (error: unknown) => error,
    );
    assert.ok(failure instanceof TableFailure, String(failure));
    const taken = `${path}:7:10: listen ${JSON.stringify(other)} is taken: [[forward]] number 1 has it`;
    assert.deepEqual(failure.problems, [taken]);
  }
  const different = written(
    "once.toml",
    table(first, "~/link/y", "~/run/z", "~/none/x", "~/../x", "~/down/../run/x"),
  );
  assert.equal((await readTable(different, uid, home)).forwards.length, 6);
});
