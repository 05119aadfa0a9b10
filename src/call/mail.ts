import { orAborted, whenAborted } from "../abort.ts";
import type { SessionRequest } from "../control/session_request.ts";
import { Failure } from "../failure.ts";
import { Progress } from "../progress.ts";
import { inTime } from "../session/deadline.ts";
import { described, quotedTail, statusOf } from "../session/exit.ts";
import type { SmtpGuard } from "../session/smtp_guard.ts";
import type { Decision } from "../table/decision.ts";
import type { World } from "../world.ts";
import { Caller } from "./caller.ts";
import { hasWholeHeader, requireNamed } from "./recipients.ts";
import { relay } from "./relay.ts";
import type { Session } from "./session.ts";
import { openShared } from "./shared.ts";
import type { MailCall } from "./words.ts";

/** Runs a mail call for a server of the table, to its exit status. */
export function runMail(
  world: World,
  call: MailCall,
  decision: Decision,
  request: SessionRequest,
): Promise<number> {
  return runFor(new Caller(world, call, request.heard), decision, request);
}

/** The same for a caller who has been taken on already. */
export async function runFor(caller: Caller, decision: Decision, request: SessionRequest): Promise<number> {
  let session: Session;
  try {
    await checkRecipients(caller, decision);
    session = await open(caller, decision, request);
  } catch (error) {
    return caller.giveUp(decision.onFailure.value, error);
  }
  try {
    caller.world.tierUp();
    const status = await carry(caller, decision, session);
    await session.finish();
    return status;
  } catch (error) {
    return caller.breakOff(error);
  } finally {
    await session.leave();
  }
}

/** Through the master, unless the table or something odd about it forbids. */
async function open(caller: Caller, decision: Decision, request: SessionRequest): Promise<Session> {
  if (decision.share.value) {
    const session = await openShared(caller, decision, request);
    if (session !== undefined) return session;
  }
  // Loaded only now: whoever shares a connection needs nothing of SSH.
  const { openDirect } = await import("./direct.ts");
  return openDirect(caller, decision);
}

/** A call that names recipients goes on once its message is seen to name them; nothing has been started until then. */
async function checkRecipients(caller: Caller, decision: Decision): Promise<void> {
  const { world, client, recipients, broken } = caller;
  if (recipients.length === 0) return;
  const progress = new Progress();
  caller.doing = () => progress.doing;
  progress.begin("config", "reading the header of the message");
  const header = await inTime(decision, { world, progress, broken }, (signal) =>
    orAborted(client.peek(hasWholeHeader), signal),
  );
  requireNamed(recipients, header);
}

/** Joins client and server until one of them ends. Throws a Failure when the connection is lost. */
async function carry(caller: Caller, { command }: Decision, session: Session): Promise<number> {
  const { client, server, method, note, broken, isImap } = caller;
  const { remote, first } = session;
  caller.doing = () => "carrying mail";
  note(`${server}: ${method}: open after ${Math.round(caller.world.elapsed())} ms`);
  const guard = await guardFor(caller, command, session);
  const end = await Promise.race([
    relay(client, remote, { inputEndsSession: isImap, first, guard }),
    hangUpOf(broken),
  ]);
  if (end instanceof Failure) {
    note(`${server}: ${end.what}`);
    // A client that no longer reads has had enough, which is no failure; a signal keeps its status.
    return end.status > 128 ? end.status : 0;
  }
  const failure = guard?.failure(end, session.lastRemark());
  if (failure !== undefined) throw failure;
  const status = statusOf(end);
  note(`${server}: ${method}: ended ${described(end)}`);
  if (end.kind === "stopped") throw new Failure("lost", server, `stopped ${described(end)}`);
  if (end.kind === "lost") throw new Failure("lost", server, `connection lost${quotedTail(end.why)}`);
  if (status !== 0 && !isImap) {
    const { endedInVain } = await import("../session/no_greeting.ts");
    throw endedInVain(end, { server, method }, session.lastRemark());
  }
  return status;
}

/** What holds back a shell's noise before the client sees the server; METHOD imap has been greeted already. */
async function guardFor(
  caller: Caller,
  command: Decision["command"],
  { remote }: Session,
): Promise<SmtpGuard | undefined> {
  const { server, method } = caller;
  if (method !== "smtp") return undefined;
  const { SmtpGuard } = await import("../session/smtp_guard.ts");
  const onRemark = (line: string): void => caller.remark(line);
  return new SmtpGuard({ server, method, command }, onRemark, () => remote.hangUp());
}

/** Resolves with a hang-up; rejects with anything else that a signal was aborted for. */
async function hangUpOf(signal: AbortSignal): Promise<Failure> {
  await whenAborted(signal);
  if (signal.reason instanceof Failure) return signal.reason;
  throw signal.reason;
}
