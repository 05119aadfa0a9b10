import { statSync } from "node:fs";
import type { Wanted } from "../control/protocol.ts";
import type { Note } from "../report/note.ts";
import { decide } from "../table/decide.ts";
import type { Decision } from "../table/decision.ts";
import { TableFailure } from "../table/failure.ts";
import { readTable, tablePath } from "../table/read.ts";
import type { World } from "../world.ts";
import { givenUser } from "./share_key.ts";

/** What led a call to a share: its request, and the table as it was when that was last asked. */
export interface Lead {
  readonly request: Pick<Wanted, "decision" | "env" | "home">;
  /** Undefined before the first time: the call itself had read it a little earlier. */
  stamp?: string;
}

/**
 * What the tables of calls have by now for METHOD imap, where they have changed: undefined for a SERVER that is not there any
 * more, or whose connections are its calls' own. A table that cannot be read changes nothing, since its user may be at work on it.
 */
export async function leadNow<L extends Lead>(
  leads: Iterable<L>,
  { uid }: Pick<World, "uid">,
  note: Note,
): Promise<ReadonlyMap<L, Decision | undefined>> {
  const found = new Map<L, Decision | undefined>();
  for (const lead of leads) {
    const { decision, env, home } = lead.request;
    try {
      const path = tablePath(env, home);
      const stamp = stampOf(path);
      if (stamp === lead.stamp) continue;
      lead.stamp = stamp;
      const call = { server: decision.server, user: givenUser(decision), method: "imap" };
      const now = await decide(await readTable(path, uid, home), call);
      found.set(lead, now?.share.value ? now : undefined);
    } catch (error) {
      if (!(error instanceof TableFailure)) throw error;
      note(`${decision.server}: what is open stays: ${error.message}`);
    }
  }
  return found;
}

/** What differs when a file has been written anew: stat(2); empty where there is none. */
function stampOf(path: string): string {
  const { ino, size, mtimeMs } = statSync(path, { throwIfNoEntry: false }) ?? {};
  return [ino, size, mtimeMs].join();
}
