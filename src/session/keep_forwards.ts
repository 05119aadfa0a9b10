import { whenAborted } from "../abort.ts";
import { Failure } from "../failure.ts";
import type { Carry } from "../forwards/carry.ts";
import type { Held } from "../forwards/hold.ts";
import { leadsTo } from "../forwards/plan.ts";
import { type Standing, standingHint, standingText } from "../forwards/state.ts";
import { replyHints, replyText, type TargetReply, tryStream, tryTarget } from "../forwards/try_target.ts";
import { openLog } from "../report/log.ts";
import type { Connection } from "../ssh/connection.ts";
import { stateDirectory } from "../state/directory.ts";
import type { CarriedForward, Decision } from "../table/decision.ts";
import type { Persist } from "../table/table.ts";
import type { World } from "../world.ts";
import { type Carrier, holdForwardsOver } from "./carrier.ts";
import { OwnConnection } from "./own_connection.ts";
import { ownSessions } from "./own_sessions.ts";
import { orExpiredPassword } from "./refused_port.ts";

/** Milliseconds that the target of a forward has to say its first line. */
const ANSWER_MS = 5000;

/** How often a port that another process of ours holds is asked for again. */
const RETRY_MS = 1000;

/** How long forwards are kept, and who is told. */
export interface Keeping {
  readonly time: Persist;
  /** Called once each of them answers through to its target, with a line for each. */
  onUp(lines: readonly string[], kept: Kept): Promise<void>;
  /** Resolves when they are to be given up before their time. */
  readonly stopped: Promise<void>;
}

/** Forwards that are up. */
export interface Kept {
  readonly held: Held;
  readonly line: OwnConnection;
}

/**
 * Holds the forwards of a decision without a session, for a time and as long as connections use them. Throws a Failure
 * where one of them cannot be had. What is lost later is got anew when somebody wants it. Resolves when they are given up,
 * or at a signal.
 */
export async function keepForwards(world: World, decision: Decision, keeping: Keeping): Promise<void> {
  const { server } = decision;
  const log = openLog(stateDirectory(world.env, world.home), world);
  const note = (line: string): void => log(`${server}: ${line}`);
  const broken = new AbortController();
  world.onSignal((signal, status) => broken.abort(new Failure("gone", server, signal, { status })));
  const line = new OwnConnection(world, decision, note, broken.signal);
  try {
    const { target, connection } = await line.connected();
    const carrier = { target, carry: line.carry, open: ownSessions(decision, world, note) };
    const held = await holdForwardsOver(carrier, world, decision, {
      note,
      signal: broken.signal,
      retry: RETRY_MS,
    });
    try {
      const carry = carryForProof(line.carry, connection, broken.signal);
      await keeping.onUp(await proven(held, decision, { ...carrier, carry }, broken.signal), { held, line });
      await Promise.race([spent(held, keeping.time), keeping.stopped, whenAborted(broken.signal)]);
    } finally {
      held.close();
    }
  } finally {
    await line.leave();
  }
}

/** Says more of why the server forbids a connection than one for a client, at which nothing else is tried. */
function carryForProof(carry: Carry, connection: Connection, signal: AbortSignal): Carry {
  return async (to, origin) => {
    try {
      return await carry(to, origin);
    } catch (error) {
      throw await orExpiredPassword(error, connection, signal);
    }
  };
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
      if (!isAnswer(answer, forward)) {
        throw new Failure("network", subject, text, { hints: replyHints(answer) });
      }
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
