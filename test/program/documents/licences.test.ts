import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { documentText } from "./documents.ts";

const root = fileURLToPath(new URL("../../..", import.meta.url));
const built = readFileSync(new URL("../../../dist/LICENSES", import.meta.url), "utf8");

/** What bin/bundled.mjs says that goes into the bundles: "NAME VERSION". */
function bundled(): readonly string[] {
  const code = [
    'const { bundledPackages } = await import("./bin/bundled.mjs");',
    "console.log(bundledPackages().map((one) => one.name + ' ' + one.version).join('\\n'));",
  ];
  const words = ["--input-type=module", "--eval", code.join("\n")];
  return execFileSync(process.execPath, words, { cwd: root, encoding: "utf8" }).trim().split("\n");
}

describe("dist/LICENSES", () => {
  test("has the licence of every package that is bundled", () => {
    for (const one of bundled()) {
      const [, text = ""] = built.split(`${one}\n\n`);
      assert.match(text.slice(0, 3000), /copyright|licen[cs]e/i, one);
    }
  });

  test("has the text of every licence of what Bun links, not only its name", () => {
    const [, list = ""] = built.split("Bun links these libraries statically.");
    const names = [...list.matchAll(/^- (\S[^:\n]*): .+$/gm)].map(
      ([, name = ""]) => name.split(" ")[0] ?? "",
    );
    assert.ok(names.length > 20, `${names.length} libraries`);
    const [, texts = ""] = built.split("npm run build\n");
    for (const name of names) assert.ok(texts.toLowerCase().includes(name.toLowerCase()), name);
    assert.match(texts, /GNU LIBRARY GENERAL PUBLIC LICENSE\s+Version 2, June 1991/);
    assert.match(texts, /GNU LESSER GENERAL PUBLIC LICENSE\s+Version 2\.1, February 1999/);
    assert.match(texts, /Apache License\s+Version 2\.0, January 2004/);
  });
});

describe("SECURITY.md", () => {
  test("lists all that is bundled, also what came with something else", () => {
    const text = documentText("SECURITY.md");
    for (const one of bundled()) assert.ok(text.includes(`\`${one.split(" ")[0]}\``), one);
  });
});
