import assert from "node:assert/strict";
import { after, test } from "node:test";
import fc from "fast-check";
import { attack } from "../../fuzz/attack.ts";
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

test("a search finds nothing when its time is over before its first case, and what its first case has done", async () => {
  const search = (hold: () => Promise<void>) => attack("integers", 1, fc.integer(), hold).search;
  const late = () => new Promise<void>((resolve) => setTimeout(resolve, 200));
  assert.equal((await search(late)({ seed: SEED, limit: 1 })).finding, undefined);
  const wrong = () => Promise.reject(new Error("odd"));
  assert.match(
    (await search(wrong)({ seed: SEED, limit: 60_000 })).finding ?? "",
    /shortest sequence: [\s\S]*odd/,
  );
});
