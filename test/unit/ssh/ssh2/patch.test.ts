import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, test } from "node:test";
import { fileURLToPath } from "node:url";
import { makeTemporary, removeTemporary } from "../../../peers/temporary.ts";

const root = fileURLToPath(new URL("../../../..", import.meta.url));
const folder = makeTemporary();
after(() => removeTemporary(folder));

const FILE = "ssh2+1.17.0.patch";
const patch = readFileSync(join(root, "patches", FILE), "utf8");
/** Files that the patch changes, below ssh2's folder. */
const paths = [...patch.matchAll(/^\+\+\+ b\/(.+)$/gm)].map(([, path = ""]) => path);

let count = 0;

/** A tree with the patch and with ssh2 as it was before; `version` is what ssh2 says of itself. */
function tree(version = "1.17.0"): string {
  const path = join(folder, String(++count));
  const ssh2 = join(path, "node_modules", "ssh2");
  mkdirSync(ssh2, { recursive: true });
  cpSync(join(root, "node_modules", "ssh2", "lib"), join(ssh2, "lib"), { recursive: true });
  cpSync(join(root, "patches"), join(path, "patches"), { recursive: true });
  writeFileSync(join(ssh2, "package.json"), JSON.stringify({ version }));
  for (const file of paths) writeFileSync(join(ssh2, file), before(file));
  return path;
}

/** A file without what the patch has put into it: each hunk, taken back, from the last to the first. */
function before(file: string): string {
  const part = patch.split(/^diff --git .*\n/m).find((one) => one.includes(`+++ b/${file}\n`)) ?? "";
  const text = readFileSync(join(root, "node_modules", "ssh2", file), "utf8").split("\n");
  for (const hunk of part.split(/^@@ /m).slice(1).reverse()) {
    const [head = "", ...lines] = hunk.replace(/\n$/, "").split("\n");
    const start = Number(/ \+(\d+)/.exec(head)?.[1]) - 1;
    const side = (sign: string) =>
      lines.filter((line) => !line.startsWith(sign)).map((line) => line.slice(1));
    const [old, now] = [side("+"), side("-")];
    assert.deepEqual(text.splice(start, now.length, ...old), now, file);
  }
  return text.join("\n");
}

function apply(path: string): {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
} {
  const module = new URL("../../../setup/patches.mjs", import.meta.url).href;
  const script = `import { providePatches } from ${JSON.stringify(module)}; providePatches(process.argv[1]);`;
  return spawnSync(process.execPath, ["--input-type=module", "-e", script, path], { encoding: "utf8" });
}

const patched = (path: string) =>
  readFileSync(join(path, "node_modules", "ssh2", "lib", "client.js"), "utf8");

test("the patch is applied once, and then leaves the files alone", () => {
  const path = tree();
  assert.doesNotMatch(patched(path), /keyExchanges/);
  const first = apply(path);
  assert.equal(first.status, 0, first.stderr);
  assert.equal(first.stdout, "setup: patched ssh2\n");
  for (const file of paths) {
    const there = readFileSync(join(path, "node_modules", "ssh2", file), "utf8");
    assert.equal(there, readFileSync(join(root, "node_modules", "ssh2", file), "utf8"));
  }
  const { mtimeMs } = statSync(join(path, "node_modules", "ssh2", "lib", "client.js"));
  assert.equal(apply(path).stdout, "");
  assert.equal(statSync(join(path, "node_modules", "ssh2", "lib", "client.js")).mtimeMs, mtimeMs);
});

test("a patch that was broken off in the middle is finished", () => {
  const path = tree();
  const [file = ""] = paths;
  cpSync(join(root, "node_modules", "ssh2", file), join(path, "node_modules", "ssh2", file));
  assert.equal(apply(path).status, 0);
});

test("another version is refused, and nothing is changed", () => {
  const path = tree("1.17.1");
  const { status, stderr } = apply(path);
  assert.notEqual(status, 0);
  assert.match(stderr, /patches\/ssh2\+1\.17\.0\.patch is for ssh2 1\.17\.0, here is 1\.17\.1/);
  assert.doesNotMatch(patched(path), /keyExchanges/);
});

test("a file that is not the one of that version is refused, and nothing is changed", () => {
  const path = tree();
  const file = join(path, "node_modules", "ssh2", paths.at(-1) ?? "");
  writeFileSync(file, `${readFileSync(file, "utf8")}\n`);
  const { status, stderr } = apply(path);
  assert.notEqual(status, 0);
  assert.match(
    stderr,
    /node_modules\/ssh2\/lib\/\S+ is not the file that patches\/ssh2\+1\.17\.0\.patch is for: run node test\/setup\.mjs build/,
  );
  assert.doesNotMatch(patched(path), /keyExchanges/);
});
