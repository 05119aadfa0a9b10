import { whenAborted } from "../abort.ts";
import { Failure } from "../failure.ts";
import type { Held } from "../forwards/hold.ts";
import { leadsTo } from "../forwards/plan.ts";
import { type Standing, standingHint, standingText } from "../forwards/state.ts";
import { replyText, type TargetReply, tryStream, tryTarget } from "../forwards/try_target.ts";
import { Progress } from "../progress.ts";
import { openLog } from "../report/log.ts";
import { Logins } from "../second_chances.ts";
import { stateDirectory } from "../state/directory.ts";
import type { CarriedForward, Decision } from "../table/decision.ts";
import type { Persist } from "../table/table.ts";
import type { World } from "../world.ts";
import { type Carrier, carrierOf, holdForwardsOver } from "./carrier.ts";
import { openConnection, takeLeave } from "./opening.ts";
import { ownSessions } from "./own_sessions.ts";

/** Milliseconds that the target of a forward has to say its first line. */
const ANSWER_MS = 5000;

/** How often a port that another process of ours holds is asked for again. */
const RETRY_MS = 1000;

/**
 * Holds the forwards of a decision without a session, for `time` milliseconds and as long as connections use them.
 * `onUp` is called once each of them answers through to its target, with a line for each; until then a failure is
 * thrown. Resolves when they are given up, or at a signal.
 */
export async function keepForwards(
  world: World,
  decision: Decision,
  time: Persist,
  onUp: (lines: readonly string[]) => void,
): Promise<void> {
  const { server } = decision;
  const log = openLog(stateDirectory(world.env, world.home), world);
  const note = (line: string): void => log(`${server}: ${line}`);
  const broken = new AbortController();
  world.onSignal((signal, status) => broken.abort(new Failure("gone", server, signal, { status })));
  const connected = await openConnection(decision, {
    ...{
      world,
      note,
      progress: new Progress(),
      broken: broken.signal,
      purpose: "forwards",
      logins: new Logins(),
    },
    onRemark: (line) => note(`said: ${line}`),
  });
  try {
    const carrier = carrierOf(connected, ownSessions(decision, world, note));
    const held = await holdForwardsOver(carrier, world, decision, {
      note,
      signal: broken.signal,
      retry: RETRY_MS,
    });
    try {
      onUp(await proven(held, decision, carrier, broken.signal));
      // Sessions have connections of their own, and go on to others when this one is lost.
      const isNeeded = decision.forwards.some(({ to }) => to !== undefined);
      const ends = [spent(held, time), whenAborted(broken.signal)];
      await Promise.race(isNeeded ? [...ends, connected.connection.closed] : ends);
    } finally {
      held.close();
    }
  } finally {
    await takeLeave(connected.connection);
  }
}

/** A line for each forward that is in place and answers through. Throws a Failure for the first that does not. */
export async function proven(
  held: Pick<Held, "standings">,
  decision: Decision,
  carrier: Pick<Carrier, "carry" | "open">,
  signal: AbortSignal,
): Promise<readonly string[]> {
  return Promise.all(
    held.standings.map(async (standing) => {
      const { forward } = standing;
      const subject = `${decision.server}: forward "${forward.name}"`;
      if (!isInPlace(standing)) {
        const hint = standingHint(standing);
        throw new Failure("network", subject, standingText(standing), {
          hints: hint === undefined ? [] : [hint],
        });
      }
      if (standing.state.kind === "withheld") return `${subject}: ${standingText(standing)}`;
      const answer = await answerOf(forward, carrier, signal);
      const text = replyText(leadsTo(forward), answer);
      if (!isAnswer(answer, forward)) throw new Failure("network", subject, text);
      return `${subject}: ${standingText(standing)}; ${text}`;
    }),
  );
}

/** What a connection to a forward would be told first. Throws the Failure of a session that cannot be had. */
async function answerOf(
  forward: CarriedForward,
  { carry, open }: Pick<Carrier, "carry" | "open">,
  signal: AbortSignal,
): Promise<TargetReply> {
  if (forward.to !== undefined) return tryTarget(forward.to, { carry, limit: ANSWER_MS, signal });
  const session = await open(forward, signal);
  return tryStream(async () => session, { limit: ANSWER_MS, signal });
}

/** Ours, or not needed, or held by another program of the same user. Never by another user. */
function isInPlace({ state }: Standing): boolean {
  if (state.kind === "taken") return state.by.kind === "ours" || state.by.kind === "same-user";
  return state.kind === "held" || state.kind === "withheld";
}

/** In some protocols it is the client who begins. */
function isAnswer({ kind }: TargetReply, { method }: CarriedForward): boolean {
  // A session says otherwise than in a greeting why there is none.
  if (kind === "says") return method !== "smtp";
  return kind === "greets" || kind === "silent";
}

/** Resolves when the time is over and no connection is left. */
async function spent(held: Held, time: Persist): Promise<void> {
  if (time === "forever") return new Promise(() => {});
  await new Promise((resolve) => setTimeout(resolve, time));
  await held.idle();
}
