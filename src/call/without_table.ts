import { SessionRequest } from "../control/session_request.ts";
import { TABLE_AWAY_MS } from "../second_chances.ts";
import { decide } from "../table/decide.ts";
import { TableFailure } from "../table/failure.ts";
import { readTable, tablePath } from "../table/read.ts";
import type { Table } from "../table/table.ts";
import type { World } from "../world.ts";
import { Caller } from "./caller.ts";
import { runFor } from "./mail.ts";
import type { MailCall } from "./words.ts";

/** Milliseconds between two looks. */
const LOOK_MS = 10;

/**
 * A mail call while the table is missing or wrong. Nobody can tell whether a wrong one would have had the server,
 * and direct access might be what its owner forbade; where there is none, the client goes on as without preauth.
 */
export async function serveWithoutTable(world: World, call: MailCall): Promise<number> {
  const caller = new Caller(world, call);
  try {
    const table = await lookedForAgain(() =>
      readTable(tablePath(world.env, world.home), world.uid, world.home),
    );
    const decision = await decide(table, call);
    // It has been mended since.
    if (decision !== undefined) return await runFor(caller, decision, new SessionRequest(world, decision));
    return 1;
  } catch (error) {
    return caller.giveUp(error instanceof TableFailure && error.missing ? "tell" : "refuse", error);
  }
}

/** A table, looked for until it is there: an editor that saves by renaming has none at its place for a moment. */
export async function lookedForAgain(read: () => Promise<Table>): Promise<Table> {
  for (const until = performance.now() + TABLE_AWAY_MS; ; ) {
    try {
      return await read();
    } catch (error) {
      if (!(error instanceof TableFailure && error.missing) || performance.now() >= until) throw error;
      await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
    }
  }
}
