import { type Held, type HoldOptions, holdForwards } from "../forwards/hold.ts";
import { lookUp } from "../ssh/addresses.ts";
import type { Decision } from "../table/decision.ts";
import type { World } from "../world.ts";
import type { Connected } from "./opening.ts";

/** Brings up the forwards of a decision over its connection, for whoever is to hold them. See holdForwards(). */
export function holdOver(
  { connection, target }: Connected,
  world: World,
  decision: Decision,
  options: Pick<HoldOptions, "note" | "signal" | "retry">,
): Promise<Held> {
  return holdForwards(decision.forwards, {
    ...options,
    carry: (to, origin) => connection.forward(to, origin),
    lookUp: (host, signal) => lookUp(host, { family: "any", subject: host, signal }),
    env: world.env,
    uid: world.uid,
    names: [decision.server, decision.destination.value, target.host.value],
  });
}
