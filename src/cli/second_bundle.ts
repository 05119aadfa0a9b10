import type { MailCall, VerbCall } from "../call/words.ts";
import type { Early } from "../control/early.ts";
import type { Decision } from "../table/decision.ts";
import type { World } from "../world.ts";

// Everything that the refusal of an unknown server does not need. In the executable this is a bundle of its own:
// reading it in would cost a refusal a fifth of its time. Each bundle has its own copy of the classes they share,
// so that `instanceof` would not know one of the other's; decisions and calls are plain data. What is import()ed here is
// evaluated only when it is asked for: a call that shares a connection needs neither the verbs nor SSH.

/** A mail call for a server of the table; `early`: what it has come to already. */
export async function serve(
  world: World,
  call: MailCall,
  decision: Decision,
  early: Early | undefined,
): Promise<number> {
  const { Caller, runMail } = await import("../call/load.ts");
  return runMail(new Caller(world, call, early?.heard), decision, early?.asked);
}

/** A mail call while the table is missing or wrong. */
export async function serveWithoutTable(world: World, call: MailCall): Promise<number> {
  return (await import("../call/without_table.ts")).serveWithoutTable(world, call);
}

/** A verb, to its exit status. */
export async function runVerb(world: World, call: VerbCall): Promise<number> {
  return (await import("./run_verb.ts")).runVerb(world, call);
}
