import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { cpSync, existsSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { program } from "../../peers/programs.ts";
import { makeTemporary, removeTemporary } from "../../peers/temporary.ts";

const root = fileURLToPath(new URL("../../..", import.meta.url));

/** What a release is refused by, before anything is made. */
const PARTS = [
  "bin",
  "doc",
  "patches",
  "test/setup",
  "CHANGELOG.md",
  "LICENSE",
  "package.json",
  "package-lock.json",
];

describe("a release is refused", () => {
  const tree = makeTemporary();
  const git = (...words: readonly string[]) =>
    execFileSync(program("git"), ["-c", "user.name=t", "-c", "user.email=t@t.test", ...words], {
      cwd: tree,
      stdio: ["ignore", "ignore", "inherit"],
    });
  const change = (file: string, from: string, to: string): void => {
    const path = join(tree, file);
    const text = readFileSync(path, "utf8");
    assert.ok(text.includes(from), `${file} has "${from}"`);
    writeFileSync(path, text.replace(from, to));
  };
  const commit = (): void => {
    git("add", "-A");
    git("commit", "-q", "-m", "changed");
  };
  const refusal = (): string => {
    const { status, stderr } = spawnSync(process.execPath, ["bin/release.mjs"], {
      cwd: tree,
      encoding: "utf8",
    });
    assert.equal(status, 1, stderr);
    assert.equal(existsSync(join(tree, "dist")), false, "nothing is made");
    return stderr;
  };

  before(() => {
    for (const part of PARTS) cpSync(join(root, part), join(tree, part), { recursive: true });
    symlinkSync(join(root, "node_modules"), join(tree, "node_modules"));
    writeFileSync(join(tree, ".gitignore"), "node_modules\n");
    git("init", "-q");
    commit();
  });
  after(() => removeTemporary(tree));

  test("of a tree with changes that are not committed", () => {
    writeFileSync(join(tree, "LICENSE"), "mine\n");
    assert.match(refusal(), /the tree has changes that are not committed:\n M LICENSE/);
    commit();
  });

  test("of a version that CHANGELOG.md does not have, and of one that a manual does not have", () => {
    const { version } = JSON.parse(readFileSync(join(tree, "package.json"), "utf8"));
    change("package.json", `"version": "${version}"`, '"version": "97.1.0"');
    commit();
    assert.match(refusal(), /CHANGELOG\.md has no section \[97\.1\.0\]/);
    change("CHANGELOG.md", `## [${version}]`, "## [97.1.0]");
    commit();
    assert.match(refusal(), /doc\/preauth\.1 is not of version 97\.1\.0/);
    change("doc/preauth.1", `.Os preauth ${version}`, ".Os preauth 97.1.0");
    commit();
    assert.match(refusal(), /doc\/preauth-hosts\.5 is not of version 97\.1\.0/);
  });
});
