import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { LocalFigure } from "../../../bench/local/measuring.ts";
import { localReport } from "../../../bench/local/report.ts";
import { summarize } from "../../../bench/statistics.ts";
import { canned } from "./canned.ts";

function figure(program: string, times: number): LocalFigure {
  const summary = summarize([times, 2 * times, 3 * times]);
  if (summary === undefined) throw new Error("no summary");
  const lasting = { resident: 40, descriptors: 11 };
  return {
    ...{ program, crowdGreeted: times, crowdEchoed: times, crowdMemory: times, crowdProcesses: times },
    ...{ inTurn: summary, inTurnTook: times, before: lasting, after: lasting },
    ...{ beside: summary, neverRead: times },
  };
}

describe("the report of local ports", () => {
  const text = localReport({
    ...{ surroundings: canned.surroundings, took: 600, load: [0.5, 2] },
    figures: [figure("preauth", 10), figure("socat", 40)],
  });

  test("has each figure beside the other program's, with the ratio", () => {
    const lines = text.split("\n");
    assert.ok(lines.includes("|  | preauth | socat | ratio |"), text);
    assert.ok(lines.includes("| 200 at once: until all are greeted, ms | **10** | **40** | 0.25 |"), text);
    assert.match(text, /^\| 10000 .* \| \*\*20\*\* \(15 to 25\) \| \*\*80\*\* \(60 to 100\) \| 0\.25 \|$/m);
  });

  test("says how both are set up, and how busy the machine was", () => {
    assert.match(text, /MaxSessions is 300 /);
    assert.match(text, /The load of the machine was 0\.5 before, and 2 at the end\./);
  });
});
