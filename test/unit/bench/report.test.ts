import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { chart } from "../../../bench/chart.ts";
import { goals } from "../../../bench/goals.ts";
import { report } from "../../../bench/report.ts";
import { canned } from "./canned.ts";

describe("the report of the benchmark", () => {
  test("says of each goal whether it was met, and leaves open what was not measured", () => {
    const verdicts = goals(canned).map(({ what, measured, met }) => [what, measured?.toFixed(2), met]);
    assert.deepEqual(verdicts, [
      ["refusal / the Perl script's", "0.50", true],
      ["cold call / OpenSSH 10's, 0 ms", "0.38", true],
      ["cold call / OpenSSH 10's, 100 ms", "0.38", true],
      ["shared call / warm ControlMaster's, 0 ms", "1.09", true],
      ["shared call with a spare / warm ControlMaster's, 0 ms", "0.09", true],
      ["shared call with a spare / warm ControlMaster's, 100 ms", "0.09", true],
      ["download / ssh's, 0 ms", "0.80", false],
      ["download at 100 ms, MB/s", undefined, undefined],
      ["ten mailboxes in IDLE, % of a processor", "0.05", true],
      ["ten mailboxes in IDLE, wakes a minute", "24.00", false],
    ]);
  });

  test("has a row for each program and a column for each round-trip time", () => {
    const lines = report(canned).split("\n");
    assert.equal(lines.includes("|  | 0 ms | 100 ms |"), true);
    assert.equal(lines.includes("| preauth | **50.0** (45.0 to 55.0) 5 | **380** (342 to 418) 5 |"), true);
    assert.equal(lines.includes("| download / ssh's, 0 ms | at least 0.9 | 0.80 | **no** |  |"), true);
    assert.equal(
      lines.includes("| preauth, shared | 42.0 | 18.0 | 7.0 | 61.0 | 31.0 | 14.0 |"),
      true,
      report(canned),
    );
  });

  test("says what no call can be below, by a program that does the least", () => {
    const floors = goals(canned).map(({ floor }) => floor?.toFixed(2));
    assert.deepEqual(floors.slice(0, 5), ["0.33", "0.30", undefined, "0.50", "0.14"]);
    assert.deepEqual(floors.slice(-2), ["0.02", "60.00"]);
    assert.ok(report(canned).includes("| refusal / the Perl script's | at most 0.5 | 0.50 | yes | 0.33 |"));
  });

  test("names the commit, the machine, the versions, the true round-trip times, and what went wrong", () => {
    const text = report(canned);
    assert.match(text, /at commit 0123456789, in 432 s/);
    assert.match(
      text,
      /^2 cores of Imaginary, 8 GiB, Linux 6\.1\.0\. ssh OpenSSH_9\.2p1, Node 20\.20\.2\.$/m,
    );
    assert.match(text, /for 100 ms: 100\.4 ms\.$/m);
    assert.match(text, /^\| plink \| plink is missing node test\/setup\.mjs \|$/m);
  });

  test("has tables whose rows all have the columns of their heads", () => {
    const width = (line: string) => line.split("|").length;
    for (const block of report(canned).split("\n\n")) {
      if (!block.startsWith("|")) continue;
      const widths = new Set(block.trimEnd().split("\n").map(width));
      assert.equal(widths.size, 1, block);
    }
  });
});

describe("the chart of the benchmark", () => {
  test("is one SVG that has the programs, the medians and the panels' titles, and runs nothing", () => {
    const svg = chart(canned);
    assert.match(svg, /^<svg .*<\/svg>\s*$/s);
    for (const text of [
      "preauth, spare",
      "ssh, ControlMaster",
      "380",
      "Cold call: ms to the greeting",
      "100 ms",
    ]) {
      assert.equal(svg.includes(`>${text}</text>`), true, text);
    }
    assert.doesNotMatch(svg, /<script|<image|href="http/);
  });
});
