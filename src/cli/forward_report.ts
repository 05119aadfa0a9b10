import { foresee } from "../forwards/foresee.ts";
import { lastLegNote } from "../forwards/plan.ts";
import { SocketTables } from "../forwards/socket_tables.ts";
import { hearsayNote, type Standing, standingHint, standingText } from "../forwards/state.ts";
import { Surroundings } from "../forwards/unless.ts";
import { lookUp } from "../ssh/network/addresses.ts";
import type { Decision } from "../table/decision.ts";
import type { Target } from "../target/target.ts";
import type { World } from "../world.ts";

/** What it takes to look at this machine. */
export interface ForeseeingOptions {
  readonly signal: AbortSignal;
  readonly mayConnect: boolean;
}

/**
 * How the forwards of a decision would stand on this machine, now. Listens on nothing, and connects to nothing unless
 * it `mayConnect` to what `unless.reachable` names.
 */
export async function foreseen(
  world: World,
  decision: Decision,
  { signal, mayConnect }: ForeseeingOptions,
): Promise<readonly Standing[]> {
  const surroundings = new Surroundings({
    env: world.env,
    signal,
    lookUp: (host, signal) => lookUp(host, { family: "any", subject: host, signal }),
  });
  const options = { surroundings, tables: new SocketTables(), uid: world.uid };
  const standings = await foresee(decision.forwards, options);
  return mayConnect ? Promise.all(standings.map((standing) => tried(standing, surroundings))) : standings;
}

async function tried(standing: Standing, surroundings: Surroundings): Promise<Standing> {
  const { forward, state } = standing;
  if (state.kind !== "free" || state.untried === undefined) return standing;
  const by = await surroundings.hindrance(forward);
  return { forward, state: by === undefined ? { ...state, untried: undefined } : { kind: "withheld", by } };
}

/** A forward in lines for a person: how it stands, what to do about it, and where SSH does not protect it. */
export function forwardLines(standing: Standing, decision: Decision, target: Target): readonly string[] {
  const { forward } = standing;
  const note = lastLegNote(forward, [decision.server, decision.destination.value, target.host.value]);
  const hint = standingHint(standing);
  const hearsay = hearsayNote(standing);
  return [
    `forward "${forward.name}": ${standingText(standing)}`,
    ...(hint === undefined ? [] : [`  hint: ${hint}`]),
    ...(hearsay === undefined ? [] : [`  note: ${hearsay}`]),
    ...(note === undefined ? [] : [`  note: ${note}`]),
  ];
}
