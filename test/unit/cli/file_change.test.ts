import assert from "node:assert/strict";
import {
  chmodSync,
  existsSync,
  lstatSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { COPY, textOf, writeChanges } from "../../../src/cli/file_change.ts";
import { Failure } from "../../../src/failure.ts";
import { makeTemporary, removeTemporary } from "../../peers/temporary.ts";

const PID = 4711;

/** A directory with a file in it, for one test. */
function withFile(work: (folder: string, path: string) => void): void {
  const folder = makeTemporary();
  try {
    const path = join(folder, "hosts.toml");
    writeFileSync(path, "before\n");
    work(folder, path);
  } finally {
    removeTemporary(folder);
  }
}

const change = (path: string, after: string) => ({
  ...{ path, before: "before\n", after, encoding: "utf8" as const, mode: 0o600, keepsCopy: true },
});

describe("a file that is changed", () => {
  test("keeps its mode, and so does the copy of what it was", () =>
    withFile((folder, path) => {
      chmodSync(path, 0o640);
      writeChanges([change(path, "after\n")], PID);
      assert.equal(readFileSync(path, "utf8"), "after\n");
      assert.equal(readFileSync(`${path}${COPY}`, "utf8"), "before\n");
      for (const file of [path, `${path}${COPY}`]) assert.equal(statSync(file).mode & 0o777, 0o640);
      assert.deepEqual(readdirSync(folder).sort(), ["hosts.toml", `hosts.toml${COPY}`]);
    }));

  test("keeps every byte of what is not UTF-8", () =>
    withFile((_folder, path) => {
      writeFileSync(path, Buffer.from("name=Jos\xe9\n", "latin1"));
      const found = textOf(path);
      assert.ok(found);
      const { text: before, encoding } = found;
      writeChanges([{ ...change(path, `${before}more\n`), before, encoding }], PID);
      assert.equal(readFileSync(path, "latin1"), "name=Jos\xe9\nmore\n");
      assert.equal(readFileSync(`${path}${COPY}`, "latin1"), "name=Jos\xe9\n");
    }));

  test("is written where a link leads, also when nothing is there yet", () =>
    withFile((folder, path) => {
      const link = join(folder, "link");
      symlinkSync("dotfiles/hosts.toml", link);
      const fresh = { ...change(link, "after\n"), before: undefined };
      writeChanges([fresh], PID);
      assert.equal(readFileSync(join(folder, "dotfiles/hosts.toml"), "utf8"), "after\n");
      assert.equal(lstatSync(link).isSymbolicLink(), true);
      assert.equal(readFileSync(path, "utf8"), "before\n");
    }));

  test("stays as it is where another one of the same change cannot be written", () =>
    withFile((folder, path) => {
      const away = join(folder, "hosts.toml", "pinerc");
      const second = { ...change(away, "after\n"), before: undefined };
      assert.throws(() => writeChanges([change(path, "after\n"), second], PID), Failure);
      assert.equal(readFileSync(path, "utf8"), "before\n");
      assert.deepEqual(readdirSync(folder), ["hosts.toml"]);
    }));

  test("is not written over a draft of another's, which stays, whatever it leads to", () =>
    withFile((folder, path) => {
      const draft = `${path}.${PID}.new`;
      const precious = join(folder, "precious");
      writeFileSync(precious, "mine\n", { mode: 0o600 });
      symlinkSync(precious, draft);
      assert.throws(() => writeChanges([{ ...change(path, "after\n"), keepsCopy: false }], PID), Failure);
      assert.equal(existsSync(draft), true);
      assert.equal(readFileSync(precious, "utf8"), "mine\n");
      assert.equal(readFileSync(path, "utf8"), "before\n");
    }));
});
