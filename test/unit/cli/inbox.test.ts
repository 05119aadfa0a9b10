import assert from "node:assert/strict";
import { test } from "node:test";
import { countText } from "../../../src/cli/inbox.ts";

test("the count of messages is in words of its number, and left out where the server did not count", () => {
  assert.deepEqual([0, 1, 2, undefined].map(countText), [
    " (0 messages)",
    " (1 message)",
    " (2 messages)",
    "",
  ]);
});
