import assert from "node:assert/strict";
import { after, test } from "node:test";
import { ATTACKS } from "../../fuzz/attacks.ts";
import { stopServing } from "../../fuzz/packets.ts";

/** Fixed, so that a run can be repeated; `npm run fuzz` takes others. */
const SEED = 20_261_126;

after(stopServing);

for (const { name, cases, search } of ATTACKS) {
  test(`made-up ${name} find nothing`, async () => {
    const { finding, tried } = await search({ seed: SEED, cases, limit: 120_000 });
    assert.equal(finding, undefined, finding);
    assert.ok(tried > 20, `${tried} cases`);
  });
}
