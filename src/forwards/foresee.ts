import type { CarriedForward } from "../table/decision.ts";
import { unsafeDirectory } from "./listen_path.ts";
import { isUnguarded, lacksRight, lookAtPath, occupantOf, type ProbeOptions } from "./probe.ts";
import { occupantOfPath } from "./socket_file.ts";
import type { Standing, State } from "./state.ts";
import type { Surroundings } from "./unless.ts";

export interface ForeseeOptions extends ProbeOptions {
  readonly surroundings: Surroundings;
}

/** How each forward would stand, for `--explain`: listens on nothing and connects to nothing. */
export function foresee(
  plan: readonly CarriedForward[],
  options: ForeseeOptions,
): Promise<readonly Standing[]> {
  return Promise.all(plan.map(async (forward) => ({ forward, state: await stateOf(forward, options) })));
}

async function stateOf(forward: CarriedForward, options: ForeseeOptions): Promise<State> {
  const { listen, unless } = forward;
  const { by, isHearsay } = await options.surroundings.domainVerdict(unless.domain);
  if (by !== undefined) return { kind: "withheld", by, isHearsay };
  if (await isUnguarded(forward, options.tables)) return { kind: "unguarded" };
  const obstacle =
    typeof listen === "number" ? await portObstacle(listen, options) : await pathObstacle(listen, options);
  if (obstacle !== undefined) return obstacle;
  const second = typeof listen === "number" ? await occupantOf("::1", listen, options) : undefined;
  return { kind: "free", untried: unless.reachable, second, isHearsay };
}

async function portObstacle(port: number, options: ProbeOptions): Promise<State | undefined> {
  const by = await occupantOf("127.0.0.1", port, options);
  if (by !== undefined) return { kind: "taken", by };
  return (await lacksRight(port, options.tables.proc)) ? { kind: "no-right" } : undefined;
}

async function pathObstacle(path: string, options: ProbeOptions): Promise<State | undefined> {
  const unsafe = unsafeDirectory(path, options.uid);
  if (unsafe !== undefined) return unsafe;
  const found = await lookAtPath(path, options.uid);
  switch (found.kind) {
    case "free":
      return undefined;
    case "not-a-socket":
      return { kind: "not-a-socket" };
    case "unreadable":
      return { kind: "failed", why: found.why };
    case "another-user":
      return { kind: "taken", by: { ...found, program: undefined } };
    case "own-socket": {
      // One that nobody listens at would be replaced.
      const by = options.tables.exist ? await occupantOfPath(path, options) : { kind: "untold" as const };
      return by === undefined ? undefined : { kind: "taken", by };
    }
  }
}
