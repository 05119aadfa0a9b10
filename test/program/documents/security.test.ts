import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { HARMLESS, HONOURED, REFUSED } from "../../../src/target/keywords.ts";
import { MUTANTS, type Mutant } from "../../mutants/mutants.ts";
import { documentText } from "./documents.ts";

/** Names of ssh_config's keywords before the ones of today, which no document needs. */
const FORMER = ["challengeresponseauthentication", "hostbasedkeytypes", "pubkeyacceptedkeytypes"];

test("each promise of SECURITY.md names tests that there are", () => {
  const [, promised = ""] = /^## What is promised\n(.*?)^## /ms.exec(documentText("SECURITY.md")) ?? [];
  const promises = promised.split(/^- /m).slice(1);
  assert.equal(promises.length > 15, true);
  for (const promise of promises) {
    const files = [...promise.matchAll(/`(test\/[^`]+)`/g)].map(([, file = ""]) => file);
    assert.notEqual(files.length, 0, promise);
    for (const file of files)
      assert.equal(existsSync(new URL(`../../../${file}`, import.meta.url)), true, file);
  }
});

/** The first bold words of each promise. */
function promises(): readonly string[] {
  const [, promised = ""] = /^## What is promised\n(.*?)^## /ms.exec(documentText("SECURITY.md")) ?? [];
  const parts = promised.split(/^- /m).slice(1);
  return parts.map((part) => (/^\*\*(.*?)\*\*/s.exec(part)?.[1] ?? "").replace(/\s+/g, " "));
}

test("each promise of SECURITY.md has a change of the code that a test sees", () => {
  const begins = (promise: string, mutant: Mutant): boolean => promise.startsWith(mutant.promise);
  assert.deepEqual(
    promises().filter((promise) => !MUTANTS.some((mutant) => begins(promise, mutant))),
    [],
  );
  assert.deepEqual(
    MUTANTS.filter((mutant) => !promises().some((promise) => begins(promise, mutant))).map(
      ({ promise }) => promise,
    ),
    [],
  );
});

test("SECURITY.md tells of every change that is tried, and of the test that sees it", () => {
  const rows = /^\| promise \| .*\n\|[-|]+\n((?:\|.*\n)+)/m.exec(documentText("SECURITY.md"))?.[1] ?? "";
  const expected = MUTANTS.map(
    ({ promise, file, change, test }) =>
      `| ${promise.replace(/[.,]$/, "")} | \`${file}\`: ${change} | \`${test}\` |`,
  );
  assert.deepEqual(rows.trimEnd().split("\n"), expected);
});

test("what the changes alter stands in the code, and their tests are there", () => {
  for (const { file, from, test: path, name } of MUTANTS) {
    const read = (one: string): string => readFileSync(new URL(`../../../${one}`, import.meta.url), "utf8");
    assert.equal(read(file).split(from).length, 2, `${file}: ${from}`);
    if (name === undefined) continue;
    // Some titles have a part that is filled in.
    const parts = read(path).replace(/\$\{[^}]*\}/g, "");
    const words = name.split(" ").filter((word) => /^[a-z]{4,}$/.test(word));
    assert.ok(
      words.some((word) => parts.includes(word)),
      `${path}: ${name}`,
    );
  }
});

test("doc/ssh.md has every keyword of ssh_config", () => {
  const words = new Set(documentText("doc/ssh.md").toLowerCase().match(/\w+/g));
  const keywords = Object.keys({ ...HONOURED, ...HARMLESS, ...REFUSED });
  assert.deepEqual(
    keywords.filter((keyword) => !words.has(keyword) && !FORMER.includes(keyword)),
    [],
  );
});
