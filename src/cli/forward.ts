import { requestForwards } from "../control/request.ts";
import { Failure, type FailureParts, fromParts, partsOf } from "../failure.ts";
import { givenDescriptors } from "../forwards/given_sockets.ts";
import { print } from "../report/results.ts";
import type { Decision } from "../table/decision.ts";
import { readTable, tablePath } from "../table/read.ts";
import type { Persist } from "../table/table.ts";
import { parseTime } from "../table/time.ts";
import type { World } from "../world.ts";
import { notInTable } from "./not_in_table.ts";
import { decideAsClient, userNotes } from "./user.ts";

/** What `--forward` was given. */
export interface ForwardWords {
  readonly server: string;
  readonly user: string | undefined;
  /** The TIME of `--for`. */
  readonly time: Persist;
}

/** Enough for a client that is started next: `ssh -f ... sleep 5` of the POP-over-SSH HOWTO. */
export const USUAL_TIME = "5s";

/** The TIME of `--for`. Throws a Failure "usage". */
export function checkedTime(word: string): Persist {
  if (word === "forever") return word;
  const time = parseTime(word);
  if (time === undefined)
    throw new Failure("usage", "--for", `"${word}" is not a time such as 5s, or "forever"`);
  return time;
}

/**
 * `--forward`: brings up the forwards of a server in the background, and returns when each of them answers through to
 * its target. The process in the background holds none of our descriptors: who waits for their end need not wait.
 */
export async function forward(world: World, words: ForwardWords): Promise<number> {
  const table = await readTable(tablePath(world.env, world.home), world.uid, world.home);
  const call = await decideAsClient(world, table, { ...words, method: "imap" });
  if (call === undefined) throw notInTable(words.server, table.file);
  const { decision } = call;
  if (decision.forwards.length === 0) {
    throw new Failure("table", words.server, "the table has no [[forward]] for it", {
      hints: [`add one; its "via" must match "${words.server}"`],
    });
  }
  const { background } = world;
  if (background.isIt) return await keep(world, decision, words.time);
  const given = givenDescriptors(world.env, world.pid);
  if (given.length > 0) {
    const { serveGiven } = await import("./activated.ts");
    return await serveGiven(world, decision, words.time, given);
  }
  print(world, await userNotes(world, call));
  const lines = decision.share.value ? await byMaster(world, decision, words.time) : undefined;
  if (lines !== undefined) {
    print(world, lines);
    return 0;
  }
  const report = parsed(await background.start(world.words));
  if (report.lines !== undefined) print(world, report.lines);
  if (report.failure === undefined) return 0;
  throw fromParts(report.failure);
}

/** Through the master; undefined where none can be had. */
async function byMaster(
  world: World,
  decision: Decision,
  time: Persist,
): Promise<readonly string[] | undefined> {
  const { env, home } = world;
  const request = { type: "forward", time, decision, env, home } as const;
  return requestForwards(world, { ...request, elapsed: world.elapsed() });
}

/** What the process in the background tells the one that has started it. */
interface Report {
  readonly lines?: readonly string[];
  readonly failure?: FailureParts;
}

async function keep(world: World, decision: Decision, time: Persist): Promise<number> {
  const tell = (report: Report): void => world.background.report(JSON.stringify(report));
  try {
    const { runKeeper } = await import("../master/keeper.ts");
    await runKeeper(world, decision, time, (lines) => tell({ lines }));
    return 0;
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    tell({ failure: partsOf(error) });
    return error.status;
  }
}

function parsed(text: string): Report {
  if (text !== "") return JSON.parse(text) as Report;
  return {
    failure: {
      trouble: "bug",
      subject: "preauth",
      what: "the process in the background has died",
      hints: [],
      status: 70,
    },
  };
}
