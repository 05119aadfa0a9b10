import assert from "node:assert/strict";
import { test } from "node:test";
import { chaos } from "../../chaos/chaos.ts";

/** It has every fault once, as `npm run chaos` has them all in turn. */
const SEED = 17;

test("a minute of chaos loses, doubles and spoils no message, hangs nobody, and leaves nothing behind", {
  timeout: 300_000,
}, async () => {
  const tally = await chaos({ span: 48_000, seed: SEED, workers: 4, rests: [50, 500] });
  assert.deepEqual(tally.findings, [], tally.report);
  // What it is about has taken place, and not only failed.
  for (const [what, least] of [
    ["messages appended", 20],
    ["messages of 50 MB appended", 1],
    ["messages fetched and compared", 20],
    ["messages verified at the end", 10],
    ["synchronized messages verified at the end", 20],
    ["sessions complete", 10],
    ["sessions with COMPRESS", 1],
    ["faults", 15],
  ] as const) {
    assert.ok(tally.count(what) >= least, `${what}\n${tally.report}`);
  }
});
