import { SessionRequest } from "../control/session_request.ts";
import { Failure } from "../failure.ts";
import { tellCaller } from "../report/speak.ts";
import { decide } from "../table/decide.ts";
import type { Decision } from "../table/decision.ts";
import { TableFailure } from "../table/failure.ts";
import { readTable, tablePath } from "../table/read.ts";
import type { World } from "../world.ts";
import { withSender } from "./sendmail_words.ts";
import type { MailCall } from "./words.ts";

/**
 * A mail client's call, to its exit status. A server that is not in the table ends here with status 1, before anything
 * that a connection would need has been loaded.
 */
export async function serveMail(world: World, call: MailCall): Promise<number> {
  try {
    const file = tablePath(world.env, world.home);
    const found = await decide(await readTable(file, world.uid, world.home), call);
    if (found !== undefined) {
      const decision = sentBy(call.sender, heeding(found, world));
      const request = await requestAtOnce(world, call, decision);
      return await (await import("./second_bundle.js")).runMail(world, call, decision, request);
    }
    const unknown = new Failure("unknown", call.server, `not in the table ${file}`);
    tellCaller(world, unknown);
    return unknown.status;
  } catch (error) {
    if (!(error instanceof TableFailure)) throw error;
    return (await import("./second_bundle.js")).serveWithoutTable(world, call);
  }
}

/**
 * Whoever reads IMAP from standard error, too, is Alpine, or built on c-client: it takes a greeting that is OK for one of
 * a preauthenticated server, and never logs in (imap_rimap of imap4r1.c).
 */
function heeding(decision: Decision, world: World): Decision {
  const { command } = decision;
  if (command?.value.kind !== "port" || command.value.login !== "client") return decision;
  if (decision.method !== "imap" || world.stderr !== "merged") return decision;
  return { ...decision, command: { ...command, value: { ...command.value, login: "unable" } } };
}

/** The envelope's sender, where a mail program names one, goes along with the table's line. */
function sentBy(sender: string | undefined, decision: Decision): Decision {
  const { command } = decision;
  if (sender === undefined || command?.value.kind !== "line") return decision;
  return {
    ...decision,
    command: { ...command, value: { kind: "line", line: withSender(command.value.line, sender) } },
  };
}

/** Asks the master, where one may serve the call, before anything else is loaded: that is done while it does its part. */
async function requestAtOnce(world: World, call: MailCall, decision: Decision): Promise<SessionRequest> {
  const request = new SessionRequest(world, decision);
  // Recipients are looked at before anything is begun.
  if (decision.share.value && call.recipients.length === 0) await request.atOnce();
  return request;
}
