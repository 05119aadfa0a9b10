import assert from "node:assert/strict";
import { test } from "node:test";
import { parseTime } from "../../../src/table/time.ts";

test("a time is digits and a unit", () => {
  assert.equal(parseTime("500ms"), 500);
  assert.equal(parseTime("10s"), 10_000);
  assert.equal(parseTime("10m"), 600_000);
  assert.equal(parseTime("2h"), 7_200_000);
  assert.equal(parseTime("0s"), 0);
  assert.equal(parseTime("010s"), 10_000);
});

test("anything else is no time", () => {
  for (const text of [
    "",
    "10",
    "s",
    "10 s",
    " 10s",
    "10s\n",
    "10S",
    "1.5s",
    "-1s",
    "+1s",
    "1e3s",
    "1d",
    "1h30m",
    "١s",
  ]) {
    assert.equal(parseTime(text), undefined, JSON.stringify(text));
  }
});

test("a time is never longer than a timer can wait", () => {
  assert.equal(parseTime("2147483647ms"), 2_147_483_647);
  assert.equal(parseTime("2147483648ms"), undefined);
  assert.equal(parseTime("596h"), 596 * 3_600_000);
  assert.equal(parseTime("597h"), undefined);
  assert.equal(parseTime(`${"9".repeat(400)}h`), undefined);
});
