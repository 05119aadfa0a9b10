import assert from "node:assert/strict";
import { before, describe, test } from "node:test";
import { documentText } from "./documents.ts";
import { HOLE, Messages } from "./messages.ts";

const PAGE = "doc/troubleshooting.md";

/** The texts in the first cells of the tables under "Every message and hint". */
function documented(): readonly string[] {
  const [, part = ""] = documentText(PAGE).split("\n## Every message and hint\n");
  const cells = [...part.matchAll(/^\| (`.*`) \| (?:[^|]|\\\|)+ \|$/gm)].map(([, cell = ""]) => cell);
  return cells.flatMap((cell) =>
    [...cell.matchAll(/`([^`]+)`/g)].map(([, text = ""]) => text.replaceAll("\\|", "|")),
  );
}

describe("doc/troubleshooting.md", () => {
  let told: ReadonlyMap<string, string>;
  before(() => {
    told = new Messages().all();
  });

  test("the search through the source finds what a Failure is made of", () => {
    assert.ok(told.size > 300, `${told.size} texts`);
    // Directly, by a function, by a class of its own, by a constant table, and by a parameter.
    const samples = [
      "no connection is open",
      `host key unknown (${HOLE})`,
      `${HOLE} not let in`,
      "connection refused",
    ];
    for (const text of [...samples, "see whether this machine is online", "a login name"]) {
      assert.ok(told.has(text), text);
    }
  });

  test("has every message and hint that the program can tell", () => {
    const known = new Set(documented());
    const missing = [...told].filter(([text]) => !known.has(text)).map(([text, file]) => `${file}: ${text}`);
    assert.deepEqual(missing, []);
  });

  test("has no message that the program cannot tell, and none twice", () => {
    const all = documented();
    assert.deepEqual(
      all.filter((text) => !told.has(text)),
      [],
    );
    assert.deepEqual(
      all.filter((text, index) => all.indexOf(text) !== index),
      [],
    );
  });
});
