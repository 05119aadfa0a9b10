import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { DOCUMENTS, documentText } from "./documents.ts";

/** What belongs to the machine that a document was written on, and to no other. */
const LOCAL: readonly RegExp[] = [
  // Not the tmp of a Maildir in the home.
  /(?<!~\/\w+)\/(?:work|root|tmp|mnt|workspace|builds)\b/,
  /\bshared\//,
  /\bregistry\b/i,
  /\bnpmjs\b|\bartifactory\b|\bnexus\b/i,
  /\b10\.\d+\.\d+\.\d+\b|(?<!ListenStream=)\b127\.0\.0\.1:\d+/,
];

for (const path of DOCUMENTS) {
  test(`${path} has nothing of the machine it was written on, and no pictures of faces`, () => {
    for (const [index, line] of documentText(path).split("\n").entries()) {
      for (const pattern of LOCAL) assert.doesNotMatch(line, pattern, `${path}:${index + 1}`);
      assert.doesNotMatch(line, /\p{Extended_Pictographic}/u, `${path}:${index + 1}`);
    }
  });
}

for (const path of DOCUMENTS.filter((one) => one.endsWith(".md"))) {
  test(`the links of ${path} lead to files`, () => {
    for (const [, link = ""] of documentText(path).matchAll(/\]\((?!https:|#)([^)#]+)/g)) {
      assert.ok(existsSync(new URL(link, new URL(`../../../${path}`, import.meta.url))), link);
    }
  });
}

test("what the documents of the packages link to is in the packages", () => {
  const { files }: { files: readonly string[] } = JSON.parse(documentText("package.json"));
  const packed = DOCUMENTS.filter((path) => path === "README.md" || files.includes(path));
  for (const path of packed.filter((one) => one.endsWith(".md"))) {
    for (const [, link = ""] of documentText(path).matchAll(/\]\((?!https:|#)([^)#]+)/g)) {
      assert.ok(files.includes(join(dirname(path), link)), `${path}: ${link}`);
    }
  }
});

test("the changelog begins with the version of the package", () => {
  const { version }: { version: string } = JSON.parse(documentText("package.json"));
  const [, first] = /^## \[([\d.]+)\]/m.exec(documentText("CHANGELOG.md")) ?? [];
  assert.equal(first, version);
});
