import { Progress } from "../progress.ts";
import { Logins } from "../second_chances.ts";
import { openSession, takeLeave } from "../session/opening.ts";
import { watched } from "../ssh/liveness.ts";
import type { Decision } from "../table/decision.ts";
import type { Caller } from "./caller.ts";
import { Forwarding } from "./forwarding.ts";
import type { Session } from "./session.ts";

/** Opens a session on a connection of its own, with the forwards beside it. Throws a Failure. */
export async function openDirect(caller: Caller, decision: Decision): Promise<Session> {
  const { world, note, broken } = caller;
  const progress = new Progress();
  caller.doing = () => progress.doing;
  const onRemark = (line: string): void => caller.remark(line);
  const opened = await openSession(decision, {
    world,
    note,
    progress,
    broken,
    purpose: "mail",
    onRemark,
    logins: new Logins(),
  });
  const forwarding = new Forwarding(caller, decision, opened);
  const { remote, remarks, first, connection, target } = opened;
  const liveness = watched(connection, target.watching.value);
  return {
    remote,
    first,
    lastRemark: () => remarks.last,
    finish: () => forwarding.finish(),
    leave: () => {
      liveness.stop();
      return takeLeave(connection);
    },
  };
}
