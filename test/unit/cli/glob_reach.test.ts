import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { covers, exampleOf, neverIn } from "../../../src/cli/glob_reach.ts";
import { matches } from "../../../src/table/match.ts";

test("a glob covers another only where it matches all that the other does", async () => {
  const glob = fc
    .array(fc.constantFrom("a", "b", ".", "*", "?"), { minLength: 1, maxLength: 5 })
    .map((characters) => characters.join(""));
  const name = fc
    .array(fc.constantFrom("a", "b", "."), { minLength: 1, maxLength: 5 })
    .map((one) => one.join(""));
  await fc.assert(
    fc.asyncProperty(glob, glob, name, async (wide, narrow, server) => {
      if (covers(wide, narrow) && (await matches([narrow], server)))
        assert.equal(await matches([wide], server), true);
      assert.equal(await matches([narrow], exampleOf(narrow)), true);
    }),
    { numRuns: 2_000 },
  );
  assert.equal(covers("*.isp.com", "mail.*.isp.com"), true);
  assert.equal(covers("?", "*"), false);
});

test("characters that no SERVER has keep a glob from ever matching", () => {
  assert.equal(neverIn("{work}"), "{");
  assert.equal(neverIn("!a b"), " ");
  assert.equal(neverIn("-x"), "-");
  assert.equal(neverIn("[::1]"), undefined);
  assert.equal(neverIn("*.isp.com"), undefined);
});
