import assert from "node:assert/strict";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { after, test } from "node:test";
import { makeTemporary, removeTemporary } from "../../peers/temporary.ts";
import { provideBun } from "../../setup/bun.mjs";

const folder = makeTemporary();
after(() => removeTemporary(folder));

let count = 0;

/** A project with the bun package as npm unpacks it, and what `oven` has of @oven, by name; with a hash in the lock. */
function makeProject(
  oven: Readonly<Record<string, { readonly prints: string; readonly integrity?: string }>>,
): string {
  const root = join(folder, `p${++count}`);
  const write = (name: string, text: string): void => {
    mkdirSync(dirname(join(root, name)), { recursive: true });
    writeFileSync(join(root, name), text, { mode: 0o644 });
  };
  write("node_modules/bun/package.json", '{ "version": "1.4.5" }');
  write("node_modules/bun/bin/bun.exe", "stand-in\n");
  write(
    "node_modules/bun/install.js",
    `require("fs").writeFileSync(${JSON.stringify(join(root, "fetched"))}, "");`,
  );
  const packages: Record<string, unknown> = {};
  for (const [name, { prints, integrity = "sha512-x" }] of Object.entries(oven)) {
    write(`node_modules/@oven/${name}/bin/bun`, `#!/bin/sh\necho ${prints}\n${"#".repeat(1_100_000)}\n`);
    packages[`node_modules/@oven/${name}`] = { version: "1.4.5", ...(integrity !== "" && { integrity }) };
  }
  write("package-lock.json", JSON.stringify({ packages }));
  return root;
}

function placed(root: string): string {
  return readFileSync(join(root, "node_modules/bun/bin/bun.exe"), "utf8").slice(0, 40);
}

test("Bun's program is that of a package whose hash package-lock.json has, and that runs here", () => {
  const root = makeProject({ "bun-a": { prints: "no" }, "bun-b": { prints: "1.4.5" } });
  provideBun(root);
  assert.match(placed(root), /^#!\/bin\/sh\necho 1\.4\.5\n/);
  assert.equal(existsSync(join(root, "fetched")), false);
  provideBun(root);
});

test("without such a package set-up fails and says so, and fetches nothing", () => {
  for (const oven of [
    {},
    { "bun-a": { prints: "1.4.4" } },
    { "bun-a": { prints: "1.4.5", integrity: "" } },
  ]) {
    const root = makeProject(oven);
    assert.throws(
      () => provideBun(root),
      /no bun 1\.4\.5 .* no other is fetched: npm must not leave out optional/,
    );
    assert.equal(placed(root), "stand-in\n");
    assert.equal(existsSync(join(root, "fetched")), false);
  }
});
