import { Caller } from "../session/caller.ts";
import { runMail } from "../session/mail.ts";
import { decide } from "../table/decide.ts";
import type { Decision } from "../table/decision.ts";
import { TableFailure } from "../table/failure.ts";
import { readTable, tablePath } from "../table/read.ts";
import type { World } from "../world.ts";
import type { MailCall } from "./call.ts";

// Everything that the refusal of an unknown server does not need. In the executable this is a bundle of its own:
// reading it in would cost a refusal a fifth of its time. Each bundle has its own copy of the classes they share,
// so that no instance may pass from one to the other; decisions and calls are plain data.

/** A mail call for a server of the table. */
export function serve(world: World, call: MailCall, decision: Decision): Promise<number> {
  return runMail(new Caller(world, call), decision);
}

/**
 * A mail call while the table is missing or wrong. Nobody can tell whether a wrong one would have had the server,
 * and direct access might be what its owner forbade; where there is none, the client goes on as without preauth.
 */
export async function serveWithoutTable(world: World, call: MailCall): Promise<number> {
  const caller = new Caller(world, call);
  try {
    const decision = await decide(await readTable(tablePath(world.env, world.home), world.uid), call);
    // It has been mended since.
    if (decision !== undefined) return await runMail(caller, decision);
    return 1;
  } catch (error) {
    return caller.giveUp(error instanceof TableFailure && error.missing ? "tell" : "refuse", error);
  }
}

export { runVerb } from "./verbs.ts";
