import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { test } from "node:test";
import { HARMLESS, HONOURED, REFUSED } from "../../../src/target/keywords.ts";
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

test("the README's table of differences has every keyword of ssh_config", () => {
  const [, section = ""] =
    /^## What differs from ssh\(1\)\n(.*?)^## /ms.exec(documentText("README.md")) ?? [];
  const words = new Set(section.toLowerCase().match(/\w+/g));
  const keywords = Object.keys({ ...HONOURED, ...HARMLESS, ...REFUSED });
  assert.deepEqual(
    keywords.filter((keyword) => !words.has(keyword) && !FORMER.includes(keyword)),
    [],
  );
});
