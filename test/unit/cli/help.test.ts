import assert from "node:assert/strict";
import { test } from "node:test";
import { formOf, help, synopsis } from "../../../src/cli/help.ts";
import { VERBS } from "../../../src/cli/verbs.ts";

test("the forms of the verbs are put together from their words, options and flags", () => {
  const about = "does it";
  assert.equal(formOf("x", { words: [], about }), "--x");
  assert.equal(
    formOf("x", { words: ["SERVER", "USER", "METHOD"], needed: 1, about }),
    "--x SERVER [USER [METHOD]]",
  );
  assert.equal(formOf("x", { words: ["SERVER"], flags: ["now"], about }), "--x [SERVER] [--now]");
  assert.equal(formOf("x", { words: [], options: { for: "TIME" }, about }), "--x [--for TIME]");
});

test("--help has the form of each verb and what it does, in lines of 80 columns", () => {
  const text = help().join(" ").replace(/ +/g, " ");
  for (const [name, verb] of Object.entries(VERBS)) {
    assert.equal(synopsis().includes(`       preauth ${formOf(name, verb)}`), true, name);
    assert.equal(text.includes(`--${name} ${verb.about}`), true, name);
  }
  assert.deepEqual(
    help().filter((line) => line.length > 80),
    [],
  );
});
