import { whenAborted } from "../abort.ts";
import { openShared } from "../call/shared.ts";
import { Failure } from "../failure.ts";
import type { OpenSession } from "../forwards/carry.ts";
import { listenAtGiven } from "../forwards/given_sockets.ts";
import { SocketTables } from "../forwards/socket_tables.ts";
import { Traffic } from "../forwards/traffic.ts";
import { openLog } from "../report/log.ts";
import type { Note } from "../report/note.ts";
import { OwnConnection } from "../session/own_connection.ts";
import { callOf, ownSessions, startingNow } from "../session/own_sessions.ts";
import { SessionStream } from "../session/session_stream.ts";
import { stateDirectory } from "../state/directory.ts";
import type { Decision } from "../table/decision.ts";
import type { Persist } from "../table/table.ts";
import type { World } from "../world.ts";

/**
 * Serves the forwards of a decision at sockets that a service manager listens at, in the foreground, for `time` and as
 * long as connections use them: then the manager goes on listening, and starts another one when somebody comes. Nothing is
 * tried before that; what cannot be had is told to who comes. Throws a Failure for a socket that is no forward's.
 */
export async function serveGiven(
  world: World,
  decision: Decision,
  time: Persist,
  descriptors: readonly number[],
): Promise<number> {
  const { server } = decision;
  const log = openLog(stateDirectory(world.env, world.home), world);
  const note = (line: string): void => log(`${server}: ${line}`);
  const over = new AbortController();
  world.onSignal((signal, status) => over.abort(new Failure("gone", server, signal, { status })));
  const line = new OwnConnection(world, decision, note, over.signal);
  const tables = new SocketTables();
  const traffic = new Traffic({
    ...{ tables, uid: world.uid, note },
    carry: line.carry,
    open: sessions(world, decision, note),
  });
  const listening = await listenAtGiven(descriptors, decision.forwards, tables, (forward, socket) =>
    traffic.accept(forward, socket),
  );
  note(`forwards: ${descriptors.length} sockets of a service manager are served`);
  await spent(traffic, time, over.signal);
  listening.close();
  traffic.close();
  await line.leave();
  return 0;
}

/** Over the connection of the calls, as each of them would be; on one of their own where that cannot be had. */
function sessions(world: World, decision: Decision, note: Note): OpenSession {
  const own = ownSessions(decision, world, note);
  return async (forward, signal) => {
    const caller = {
      ...{ world: startingNow(world), note, broken: signal, server: decision.server },
      doing: () => "",
      remark: (line: string) => note(`said: ${line}`),
    };
    const call = callOf(decision, forward);
    const session = decision.share.value ? await openShared(caller, call) : undefined;
    return session === undefined ? own(forward, signal) : new SessionStream(session, call, caller.remark);
  };
}

/** Resolves when the time is over and no connection is left; or at a signal. */
async function spent(traffic: Traffic, time: Persist, signal: AbortSignal): Promise<void> {
  const aborted = whenAborted(signal);
  if (time === "forever") return aborted;
  await Promise.race([aborted, new Promise((resolve) => setTimeout(resolve, time))]);
  await Promise.race([aborted, traffic.idle()]);
}
