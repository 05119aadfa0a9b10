import { Failure } from "../failure.ts";
import { print, printWhole, remark } from "../report/results.ts";
import { decide } from "../table/decide.ts";
import { readTable, tablePath } from "../table/read.ts";
import type { Table } from "../table/table.ts";
import type { World } from "../world.ts";
import { isName, neverIn } from "./glob_reach.ts";
import { notInTable } from "./not_in_table.ts";
import { type ClientName, type Parts, SNIPPETS, type Snippet } from "./snippets.ts";
import { decideAsClient } from "./user.ts";

/** What `--snippet` was given. */
export interface SnippetWords {
  readonly client: ClientName | undefined;
  readonly server: string | undefined;
  readonly user: string | undefined;
}

/**
 * `--snippet`: prints the lines of a mail program, ready to be pasted, and says on standard error where they go. Without a
 * program it lists those that there are.
 */
export async function snippet(world: World, { client, server, user }: SnippetWords): Promise<number> {
  if (client === undefined) {
    const widest = Math.max(...Object.keys(SNIPPETS).map((name) => name.length));
    const all: readonly (readonly [string, Snippet])[] = Object.entries(SNIPPETS);
    print(
      world,
      all.map(([name, { place }]) => `${name.padEnd(widest)}  ${place}`),
    );
    return 0;
  }
  const table = await readTable(tablePath(world.env, world.home), world.uid, world.home);
  const parts = await partsFor(world, table, server ?? firstName(table), user);
  const { place, lines } = SNIPPETS[client];
  printWhole(world, lines(parts));
  remark(world, `these lines go into ${place}`);
  return 0;
}

/** The first SERVER of the table that is no glob. Throws a Failure where there is none. */
function firstName({ hosts, file }: Table): string {
  const names = hosts
    .flatMap(({ match }) => match)
    .filter((glob) => isName(glob) && neverIn(glob) === undefined);
  if (names[0] !== undefined) return names[0];
  throw new Failure("table", file, "no [[host]] has a name without wildcards", {
    hints: ["name the SERVER: preauth --snippet CLIENT SERVER"],
  });
}

async function partsFor(
  world: World,
  table: Table,
  server: string,
  given: string | undefined,
): Promise<Parts> {
  const call = await decideAsClient(world, table, { server, user: given, method: "imap" });
  if (call === undefined) throw notInTable(server, table.file);
  const own = (await decide(table, { server, method: "imap" }))?.user?.value;
  const user = own ?? call.decision.user?.value ?? call.login;
  return { program: world.program(), server, user, givesUser: own === undefined && user !== call.login };
}
