import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { after, before, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { program } from "../../peers/programs.ts";
import { makeTemporary, removeTemporary } from "../../peers/temporary.ts";

const root = fileURLToPath(new URL("../../..", import.meta.url));
const { version } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as {
  readonly version: string;
};

// The whole of a release is tried by `npm run release -- --check`; two of its artefacts always are, so that it does not rot.
describe("a release of this tree", {
  skip: process.arch === "x64" ? false : "its samples are made on x64",
}, () => {
  const folder = makeTemporary();
  const run = (name: string, ...words: readonly string[]) =>
    execFileSync(program(name), words, { cwd: root, encoding: "utf8", stdio: ["ignore", "pipe", "inherit"] });
  before(() => run("node", "bin/release.mjs", "--try", folder));
  after(() => removeTemporary(folder));

  test("has a .deb with the program, its manual and the completions of three shells", () => {
    const deb = join(folder, `preauth_${version}_amd64.deb`);
    const tree = join(folder, "deb");
    run("dpkg-deb", "-x", deb, tree);
    const names = run("find", tree, "-type", "f", "-printf", "%P\n").trim().split("\n");
    for (const wanted of [
      "usr/bin/preauth",
      "usr/share/man/man1/preauth.1.gz",
      "usr/share/man/man5/preauth-hosts.5.gz",
      "usr/share/bash-completion/completions/preauth",
      "usr/share/zsh/vendor-completions/_preauth",
      "usr/share/fish/vendor_completions.d/preauth.fish",
      "usr/share/doc/preauth/copyright",
      "usr/share/doc/preauth/LICENSES",
    ]) {
      assert.ok(names.includes(wanted), wanted);
    }
    const documents = join(tree, "usr/share/doc/preauth");
    const pages = run("find", documents, "-name", "*.md").trim().split("\n");
    const links = pages.flatMap((page) =>
      [...readFileSync(page, "utf8").matchAll(/\]\((?!https:|#)([^)#]+)/g)].map(([, link = ""]) =>
        join(dirname(page), link),
      ),
    );
    assert.ok(links.length > 20, "the links are found");
    assert.deepEqual(
      links.filter((link) => !existsSync(link)),
      [],
      "links that lead nowhere",
    );
    assert.match(run("dpkg-deb", "--field", deb, "Depends"), /^libc6 \(>= 2\.17\)$/m);
    const said = run(
      "node",
      "--import",
      "tsx",
      "test/release/exercise.ts",
      version,
      "",
      "2",
      join(tree, "usr/bin/preauth"),
    );
    assert.match(said, /^--stop: nothing is held any more$/m);
  });

  test("has an executable for arm64 that is not stripped and has no path of this machine in it", () => {
    const bytes = readFileSync(join(folder, "preauth-linux-arm64"));
    // elf(5): the machine is EM_AARCH64, and the program stands in a section of its own.
    assert.deepEqual([bytes.toString("latin1", 1, 4), bytes.readUInt16LE(18)], ["ELF", 183]);
    assert.ok(bytes.includes("not in the table"), "the program is in it");
    assert.ok(!bytes.includes(root), "its builder's directory is not");
  });
});
