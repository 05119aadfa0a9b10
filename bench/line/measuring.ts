import { spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { program } from "../../test/peers/programs.ts";
import type { Surroundings, Trouble } from "../results.ts";
import type { CrowdFigure } from "./crowd.ts";
import type { LineFigure } from "./figures.ts";
import type { Shape } from "./shapes.ts";

/** What is measured on which lines, and how often. */
export interface LinePlan {
  readonly shapes: readonly Shape[];
  readonly programs: readonly string[];
  readonly rounds: number;
}

/** What was found. */
export interface LineResults {
  readonly figures: readonly LineFigure[];
  readonly troubles: readonly Trouble[];
}

/** All that one run has found. */
export interface LineReport extends LineResults {
  readonly surroundings: Surroundings;
  /** Whether all lines were measured, and not only those of the goals. */
  readonly all: boolean;
  /** Seconds. */
  readonly took: number;
  readonly crowd: readonly CrowdFigure[];
}

/** What the process that measures says. */
type Message = { readonly progress: string } | { readonly results: LineResults };

/** Has it measured in a network namespace of its own, with which all of the line goes. */
export async function measureLines(plan: LinePlan, tell: (line: string) => void): Promise<LineResults> {
  const words = [
    "-n",
    process.execPath,
    "--import",
    "tsx",
    fileURLToPath(new URL("main.ts", import.meta.url)),
  ];
  const child = spawn(program("unshare"), [...words, JSON.stringify(plan)], {
    cwd: fileURLToPath(new URL("../..", import.meta.url)),
    stdio: ["ignore", "inherit", "inherit", "ipc"],
  });
  let found: LineResults | undefined;
  child.on("message", (message: Message) => {
    if ("progress" in message) tell(message.progress);
    else found = message.results;
  });
  const [status] = await once(child, "close");
  if (found === undefined) throw new Error(`the lines could not be measured: status ${status}`);
  return found;
}
