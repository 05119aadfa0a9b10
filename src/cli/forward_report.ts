import { foresee } from "../forwards/foresee.ts";
import { lastLegNote } from "../forwards/plan.ts";
import { SocketTables } from "../forwards/socket_tables.ts";
import { hearsayNote, type Standing, standingHint, standingText } from "../forwards/state.ts";
import { Surroundings } from "../forwards/unless.ts";
import { lookUp } from "../ssh/network/addresses.ts";
import type { CarriedForward, Decision } from "../table/decision.ts";
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

/** What there is to tell of a forward: how it stands, what to do about it, and where SSH does not protect it. */
export interface ForwardFinding {
  readonly name: string;
  readonly state: string;
  readonly hint: string | undefined;
  readonly notes: readonly string[];
  /** What its target answered through the server; undefined where it was not asked. */
  readonly answer: string | undefined;
}

export function findingOf(standing: Standing, decision: Decision, target: Target): ForwardFinding {
  const { forward } = standing;
  const lastLeg = lastLegNote(forward, [decision.server, decision.destination.value, target.host.value]);
  return {
    name: forward.name,
    state: standingText(standing),
    hint: standingHint(standing),
    notes: [hearsayNote(standing), lastLeg, uselessNote(forward)].filter((note) => note !== undefined),
    answer: undefined,
  };
}

/** What there is to say of one whose connections nothing would serve. */
function uselessNote(forward: CarriedForward): string | undefined {
  if (forward.to !== undefined || forward.command !== undefined) return undefined;
  return `the table has no command for METHOD "${forward.method}"`;
}

/** The same in lines for a person. */
export function findingLines({ name, state, hint, notes, answer }: ForwardFinding): readonly string[] {
  return [
    `forward "${name}": ${state}`,
    ...(hint === undefined ? [] : [`  hint: ${hint}`]),
    ...notes.map((note) => `  note: ${note}`),
    ...(answer === undefined ? [] : [`  ${answer}`]),
  ];
}
