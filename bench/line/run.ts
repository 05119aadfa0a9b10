import { surroundings } from "../surroundings.ts";
import { measureCrowd } from "./crowd.ts";
import { type LineReport, measureLines } from "./measuring.ts";
import { obstacle } from "./namespace.ts";
import { GOAL_SHAPES, SHAPES } from "./shapes.ts";

/** Rounds of those that the goals compare, where not all lines are measured. */
const ROUNDS = 3;

const COMPARED = ["preauth, shared", "ssh, ControlMaster"];
const OTHERS = ["preauth", "ssh"];

/** Measures the lines that the goals are about (about 25 min), or `all` of them (about 45). */
export async function benchLines(all: boolean, tell: (line: string) => void): Promise<LineReport> {
  const started = performance.now();
  const trouble = obstacle();
  if (trouble !== undefined) throw new Error(trouble);
  const crowd = await measureCrowd();
  const plans = all
    ? [{ shapes: SHAPES, programs: [...COMPARED, ...OTHERS], rounds: 1 }]
    : [
        { shapes: GOAL_SHAPES, programs: COMPARED, rounds: ROUNDS },
        { shapes: GOAL_SHAPES, programs: OTHERS, rounds: 1 },
      ];
  const found = [];
  for (const plan of plans) found.push(await measureLines(plan, tell));
  return {
    ...{ surroundings: surroundings(), all, crowd },
    took: (performance.now() - started) / 1000,
    figures: found.flatMap(({ figures }) => figures),
    troubles: found.flatMap(({ troubles }) => troubles),
  };
}
