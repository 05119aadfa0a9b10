import type { Stdio } from "../peers/plumbing.ts";
import { Random } from "./random.ts";

/** What a session does next. */
export type Step =
  | { readonly kind: "append"; readonly size: number; readonly waits: boolean }
  /** One message that is known to be there, by its sum. */
  | { readonly kind: "fetch"; readonly which: number }
  | { readonly kind: "fetch all" }
  | { readonly kind: "expunge" }
  | { readonly kind: "search" }
  | { readonly kind: "noop" }
  | { readonly kind: "idle"; readonly ms: number }
  | { readonly kind: "pause"; readonly ms: number }
  | { readonly kind: "pipeline"; readonly count: number };

/** A session from its start to LOGOUT. */
export interface Script {
  readonly stdio: Stdio;
  /** Which of the built forms is called; the first where there are not as many. */
  readonly form: number;
  readonly isCompressed: boolean;
  readonly steps: readonly Step[];
}

const PLUMBING: readonly Stdio[] = ["alpine", "socketpair", "devnull", "pipes"];

const KINDS: readonly Step["kind"][] = [
  ...Array<"append">(5).fill("append"),
  ...Array<"fetch">(5).fill("fetch"),
  ...(["fetch all", "search", "noop", "noop", "idle", "expunge", "pipeline", "pause"] as const),
];

/** A large attachment, in bytes. */
export const HUGE = 50_000_000;

/** What a worker does in its session number `session`: the same for the same seed. */
export function scriptOf(seed: number, worker: number, session: number): Script {
  const random = new Random(seed, "session", worker, session);
  const steps = Array.from({ length: random.between(1, 25) }, () => stepOf(random));
  return {
    stdio: random.pick(PLUMBING),
    form: random.below(2),
    isCompressed: random.chance(35),
    steps,
  };
}

/** A session that has a large message sent and fetched. */
export const LARGEST: Script = {
  stdio: "alpine",
  form: 0,
  isCompressed: false,
  steps: [{ kind: "append", size: HUGE, waits: false }, { kind: "fetch all" }],
};

function stepOf(random: Random): Step {
  const kind = random.pick(KINDS);
  if (kind === "append") return { kind, size: sizeOf(random), waits: random.chance(50) };
  if (kind === "fetch") return { kind, which: random.below(1000) };
  if (kind === "pipeline") return { kind, count: random.between(5, 200) };
  if (kind === "idle" || kind === "pause") return { kind, ms: random.between(50, 2500) };
  return { kind };
}

/** Bytes: most messages are letters, some have something attached. */
function sizeOf(random: Random): number {
  const part = random.below(1000);
  if (part < 3) return random.between(HUGE, HUGE + 2_000_000);
  if (part < 30) return random.between(2_000_000, 6_000_000);
  if (part < 350) return random.between(20_000, 400_000);
  return random.between(100, 8_000);
}
