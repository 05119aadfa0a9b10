import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { DOCUMENTS, documentText } from "./documents.ts";
import { MOST_WORDS, manualSentences, markdownSentences, wordsIn } from "./sentences.ts";

/** What people read; history.md and the changelog are notes. */
const READ = DOCUMENTS.filter((path) => /\.(?:md|\d)$/.test(path) && !/history|CHANGELOG/.test(path));

describe("the count of words", () => {
  test("ends a sentence at a full stop, whatever begins the next one", () => {
    const text = "One two. preauth three `a b c`.\n\n- four\n- five six: seven\n\n| a. b | c d |\n";
    assert.deepEqual(markdownSentences(text), [
      "One two.",
      "preauth three CODE.",
      "four",
      "five six: seven",
      "a.",
      "b",
      "c d",
    ]);
  });

  test("takes code, and names in a row, as one word", () => {
    assert.equal(wordsIn("CODE reads HostName, ProxyJump and BindAddress – once."), 4);
  });

  test("reads a page of the manual without its macros", () => {
    const page = ".Sh NAME\n.Pp\nRuns\n.Ic ssh -G ,\nwhich\n.Fl Fl check\ndoes.\nAlways.\n";
    assert.deepEqual(manualSentences(page), ["Runs CODE, which CODE does.", "Always."]);
  });
});

for (const path of READ) {
  test(`${path} has no sentence of more than ${MOST_WORDS} words`, () => {
    const text = documentText(path);
    const found = path.endsWith(".md") ? markdownSentences(text) : manualSentences(text);
    assert.ok(found.length > 10, `${found.length} sentences`);
    assert.deepEqual(
      found.filter((sentence) => wordsIn(sentence) > MOST_WORDS),
      [],
    );
  });
}
