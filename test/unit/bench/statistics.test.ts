import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { summarize } from "../../../bench/statistics.ts";

describe("the statistics of samples", () => {
  test("are the median and the quartiles, between two samples where they fall there", () => {
    assert.deepEqual(summarize([4, 1, 3, 2]), { count: 4, median: 2.5, lower: 1.75, upper: 3.25 });
    assert.deepEqual(summarize([5, 1, 3, 2, 4]), { count: 5, median: 3, lower: 2, upper: 4 });
  });

  test("are the sample itself when there is one, and none when there is none", () => {
    assert.deepEqual(summarize([7]), { count: 1, median: 7, lower: 7, upper: 7 });
    assert.equal(summarize([]), undefined);
  });

  test("leave the samples as they are, in any order the same", () => {
    fc.assert(
      fc.property(fc.array(fc.double({ min: 0, max: 1e6, noNaN: true }), { minLength: 1 }), (samples) => {
        const before = [...samples];
        const found = summarize(samples);
        assert.deepEqual(samples, before);
        assert.deepEqual(summarize([...samples].reverse()), found);
        const { lower = Number.NaN, median = Number.NaN, upper = Number.NaN } = found ?? {};
        assert.equal(lower <= median && median <= upper, true);
      }),
    );
  });
});
