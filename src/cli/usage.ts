import type { Failure } from "../failure.ts";
import { fitted } from "../report/fit.ts";
import { tellCaller } from "../report/speak.ts";
import type { World } from "../world.ts";
import { synopsis } from "./help.ts";

/** Ends a call whose words are wrong; somebody at a terminal is shown the forms that there are. */
export function endInUsage(world: World, failure: Failure, isVerb = false): number {
  tellCaller(world, failure, isVerb);
  if (world.stderr === "terminal") {
    const lines = synopsis().flatMap((line) => fitted(line, world.columns(2)));
    world.write(2, lines.map((line) => `${line}\n`).join(""));
  }
  return failure.status;
}
