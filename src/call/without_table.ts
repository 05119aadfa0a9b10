import { decide } from "../table/decide.ts";
import { TableFailure } from "../table/failure.ts";
import { readTable, tablePath } from "../table/read.ts";
import type { World } from "../world.ts";
import { Caller } from "./caller.ts";
import { runMail } from "./mail.ts";
import type { MailCall } from "./words.ts";

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
