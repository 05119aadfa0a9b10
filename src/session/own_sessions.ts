import type { OpenSession } from "../forwards/carry.ts";
import { Progress } from "../progress.ts";
import type { Note } from "../report/note.ts";
import { Logins } from "../second_chances.ts";
import { watched } from "../ssh/liveness.ts";
import type { Decision, SessionForward } from "../table/decision.ts";
import type { World } from "../world.ts";
import { openSession, takeLeave } from "./opening.ts";
import { SessionStream } from "./session_stream.ts";

/** The decision of the mail call that each connection to a forward is; `decision` is that of the call which brought it up. */
export function callOf(decision: Decision, { method, command }: SessionForward): Decision {
  return { ...decision, method, command };
}

/** A world whose time begins now: a connection to a forward has a deadline of its own. */
export function startingNow<W extends Pick<World, "elapsed">>(world: W): W {
  const began = performance.now();
  return { ...world, elapsed: () => performance.now() - began };
}

/** Opens sessions that have a connection of their own each, as the calls of a server that does not share. */
export function ownSessions(decision: Decision, world: World, note: Note): OpenSession {
  return async (forward, signal) => {
    const call = callOf(decision, forward);
    const onRemark = (line: string): void => note(`said: ${line}`);
    const opened = await openSession(call, {
      ...{ world: startingNow(world), note, progress: new Progress(), broken: signal, purpose: "mail" },
      logins: new Logins(),
      onRemark,
    });
    const { connection, target } = opened;
    const liveness = watched(connection, target.watching.value);
    const stream = new SessionStream(opened, call, onRemark);
    stream.once("close", () => {
      liveness.stop();
      void takeLeave(connection);
    });
    return stream;
  };
}
