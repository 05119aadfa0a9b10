import assert from "node:assert/strict";
import { test } from "node:test";
import { lookedForAgain } from "../../../src/call/without_table.ts";
import { TableFailure } from "../../../src/table/failure.ts";
import { parseTable } from "../../../src/table/schema.ts";

const missing = new TableFailure({ where: "hosts.toml", what: "is missing" }, [], { missing: true });

test("a table that is away while an editor saves it is there at the next look", async () => {
  const table = await parseTable("", "hosts.toml");
  const found: (() => typeof table)[] = [fails(missing), fails(missing), () => table];
  assert.equal(await lookedForAgain(async () => (found.shift() ?? fails(missing))()), table);
});

test("a table that stays away is given up, and one that is wrong at once", async () => {
  let looks = 0;
  const wrong = new TableFailure({ where: "hosts.toml", what: "is wrong" });
  const count = (error: Error) => async () => {
    looks++;
    throw error;
  };
  await assert.rejects(lookedForAgain(count(missing)), missing);
  assert.ok(looks > 1, `${looks} looks`);
  looks = 0;
  await assert.rejects(lookedForAgain(count(wrong)), wrong);
  assert.equal(looks, 1);
});

function fails(error: Error): () => never {
  return () => {
    throw error;
  };
}
