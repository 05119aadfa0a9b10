import assert from "node:assert/strict";
import { test } from "node:test";
import { asciiText, escapeButTabs, escapeControls, jsonText } from "../../../src/report/printable.ts";

/** What a terminal would heed: C0, DEL, C1 (also as one byte of what is not UTF-8), and what turns or parts lines. */
const HEEDED = [
  "\0",
  "\x07",
  "\x1b[31m",
  "\x7f",
  "\x85",
  "\u009b31m",
  "\u061c",
  "\u2028",
  "\u202e",
  "\u2066",
  "\ufeff",
];

const text = `a\tb${HEEDED.join("")}é😀`;

test("a line shows all that a terminal would heed, and keeps what is read", () => {
  assert.equal(
    escapeControls(text),
    "a\\tb\\x00\\x07\\e[31m\\x7f\\x85\\x9b31m\\u061c\\u2028\\u202e\\u2066\\ufeffé😀",
  );
});

test("a line that is to be pasted keeps its tabs, and nothing else of that kind", () => {
  assert.equal(escapeButTabs(text), escapeControls(text).replace("\\t", "\t"));
});

test("text for a terminal without UTF-8 is ASCII, and no byte of it is a control of C1", () => {
  assert.match(asciiText(escapeControls(text)), /^[\x20-\x7e]*$/);
});

test("JSON is ASCII, and is read as it was", () => {
  const value = { [text]: [text, null, 1] };
  assert.match(jsonText(value), /^[\x20-\x7e]*$/);
  assert.deepEqual(JSON.parse(jsonText(value)), value);
});
