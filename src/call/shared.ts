import { orAborted } from "../abort.ts";
import { SessionRequest } from "../control/session_request.ts";
import { Failure } from "../failure.ts";
import { Progress } from "../progress.ts";
import { inTime } from "../session/deadline.ts";
import type { Decision } from "../table/decision.ts";
import type { Caller } from "./caller.ts";
import type { Session } from "./session.ts";
import { MasterGone, SharedCommand } from "./shared_command.ts";

/** Milliseconds beyond the deadline that the master has to say what took so long. */
const GRACE = 300;

/** What of a caller it takes to share a connection. */
export type SharingCaller = Pick<Caller, "world" | "note" | "broken" | "server" | "remark" | "doing">;

/**
 * Opens a session over a connection of the master. Undefined where there is no master to be had, or it has failed
 * itself: then the session is to be opened without. Throws a Failure when the server cannot be had.
 */
export async function openShared(
  caller: SharingCaller,
  decision: Decision,
  request = new SessionRequest(caller.world, decision),
): Promise<Session | undefined> {
  const { world, note, broken, server } = caller;
  const progress = new Progress();
  progress.begin("connect", "waiting for the process that holds the connections");
  caller.doing = () => progress.doing;
  try {
    const remote = await inTime(decision, { world, progress, broken, grace: GRACE }, async (signal) => {
      const asking = request.control(note);
      const control = await orAborted(asking, signal).catch((error: unknown) => {
        void asking.then((late) => late?.close());
        throw error;
      });
      if (control === undefined) return undefined;
      progress.begin("connect", `waiting for the connection to ${server}`);
      return SharedCommand.open(control, server, { signal, onRemark: (line) => caller.remark(line) });
    });
    if (remote === undefined) return undefined;
    const nothing = async (): Promise<void> => {};
    return { remote, first: [], lastRemark: () => remote.lastRemark, finish: nothing, leave: nothing };
  } catch (error) {
    if (!(error instanceof MasterGone) && !(error instanceof Failure && error.trouble === "bug")) throw error;
    note(`master: ${error.what}: the call connects by itself`);
    return undefined;
  }
}
