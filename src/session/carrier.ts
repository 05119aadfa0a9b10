import type { Carry, OpenSession } from "../forwards/carry.ts";
import { type Held, type HoldOptions, holdForwards } from "../forwards/hold.ts";
import { lookUp } from "../ssh/network/addresses.ts";
import type { Decision } from "../table/decision.ts";
import type { Target } from "../target/target.ts";
import type { World } from "../world.ts";
import type { Connected } from "./opening.ts";

/** What carries forwards: a connection, or whoever has one when it is needed. */
export interface Carrier {
  readonly carry: Carry;
  readonly open: OpenSession;
  readonly target: Target;
}

/** The carrier that a connection is; `open` makes sessions. */
export function carrierOf({ connection, target }: Connected, open: OpenSession): Carrier {
  return { target, open, carry: (to, origin) => connection.forward(to, origin) };
}

/** Brings up the forwards of a decision, for whoever is to hold them. See holdForwards(). */
export function holdForwardsOver(
  { carry, open, target }: Carrier,
  world: Pick<World, "env" | "uid">,
  decision: Decision,
  options: Pick<HoldOptions, "note" | "signal" | "retry">,
): Promise<Held> {
  return holdForwards(decision.forwards, {
    ...options,
    carry,
    open,
    lookUp: (host, signal) => lookUp(host, { family: "any", subject: host, signal }),
    env: world.env,
    uid: world.uid,
    names: [decision.server, decision.destination.value, target.host.value],
  });
}
