import type { Failure } from "../failure.ts";
import { tellCaller } from "../report/speak.ts";
import type { World } from "../world.ts";

/** Ends a call whose words are wrong; somebody at a terminal is shown the forms that there are. */
export async function endInUsage(world: World, failure: Failure): Promise<number> {
  tellCaller(world, failure);
  if (world.stderr === "terminal") {
    const [{ synopsis }, { fitted }] = await Promise.all([import("./help.ts"), import("../report/fit.ts")]);
    const lines = synopsis().flatMap((line) => fitted(line, world.columns(2)));
    world.write(2, lines.map((line) => `${line}\n`).join(""));
  }
  return failure.status;
}
