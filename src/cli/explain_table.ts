import { Failure } from "../failure.ts";
import { openLog } from "../report/log.ts";
import { print } from "../report/results.ts";
import { lookUp } from "../ssh/network/addresses.ts";
import { stateDirectory } from "../state/directory.ts";
import { decide } from "../table/decide.ts";
import type { Decision } from "../table/decision.ts";
import { matches } from "../table/match.ts";
import { filesOf, readText, tablePath } from "../table/read.ts";
import { parseTable } from "../table/schema.ts";
import type { Table, TomlPath } from "../table/table.ts";
import { askSsh } from "../target/ask_ssh.ts";
import { readLocal } from "../target/local.ts";
import { settle } from "../target/target.ts";
import type { World } from "../world.ts";
import { documented } from "./document.ts";
import { covers, exampleOf, isName, neverIn, plainGlob } from "./glob_reach.ts";
import { originsIn } from "./where.ts";

/** Something that is not wrong, but cannot be what was meant. */
interface Warning {
  readonly path: TomlPath;
  readonly what: string;
}

/**
 * `--explain` without SERVER: checks the whole table, and warns of what can never match, never be carried, or never be
 * found. Asks ssh(1) and the name servers about each [[host]] that names one server; connects to nothing else.
 */
export async function explainTable(world: World): Promise<number> {
  const file = tablePath(world.env, world.home);
  const { table, warnings } = await warningsOf(world, file);
  const { hosts, forwards } = table;
  print(world, [`table ${file}: ${counted(hosts.length, "host")}, ${counted(forwards.length, "forward")}`]);
  print(
    world,
    warnings.map(({ at, what }) => `${at}: ${what}`),
  );
  if (warnings.length === 0) print(world, ["nothing is wrong with it"]);
  return 0;
}

/** The same with --json: one document. */
export function tableDocument(world: World): Promise<number> {
  return documented(world, "explain", async (document) => {
    const file = tablePath(world.env, world.home);
    document.add({ table: file });
    const { table, warnings } = await warningsOf(world, file);
    document.add({ hostCount: table.hosts.length, forwardCount: table.forwards.length, warnings });
    return 0;
  });
}

/** The table, and the warnings about it, each with its place. Throws a TableFailure. */
async function warningsOf(
  world: World,
  file: string,
): Promise<{ readonly table: Table; readonly warnings: readonly { at: string; what: string }[] }> {
  const text = readText(file, world.uid);
  const table = await parseTable(text, file, filesOf(world.home));
  const unfound = await Promise.all(table.hosts.map((_host, index) => missing(world, table, index)));
  const warnings = [...(await unmatched(table)), ...(await uncarried(table)), ...unfound.flat()];
  const place = originsIn(file, text);
  return {
    table,
    warnings: warnings.map(({ path, what }) => ({ at: place({ kind: "table", path }), what })),
  };
}

function counted(count: number, what: string): string {
  return count === 1 ? `one [[${what}]]` : `${count} [[${what}]]`;
}

/** What no SERVER, or none that gets so far, matches. */
async function unmatched({ hosts }: Table): Promise<readonly Warning[]> {
  const found: Warning[] = [];
  for (const [index, { match }] of hosts.entries()) {
    const wanted = match.filter((glob) => !glob.startsWith("!"));
    if (wanted.length === 0) {
      const what = "it matches nothing: every glob begins with an exclamation mark";
      found.push({ path: ["host", index, "match"], what });
    }
    for (const [number, glob] of match.entries()) {
      const path = match.length === 1 ? ["host", index, "match"] : ["host", index, "match", number];
      const never = neverIn(glob);
      if (never !== undefined) {
        const better = glob.replace(/[{}]/g, "");
        const remedy = neverIn(better) === undefined ? `: write ${JSON.stringify(better)}` : "";
        found.push({
          path,
          what: `"${glob}" never matches, since no SERVER ${never === "-" ? "begins with a dash" : `has a "${never}" in it`}${remedy}`,
        });
      } else if (!glob.startsWith("!")) {
        const earlier = hosts.slice(0, index).findIndex((other) => takes(other.match, match, glob));
        if (earlier >= 0) {
          found.push({
            path,
            what: `"${glob}" is never reached: [[host]] ${earlier + 1} matches all of it first`,
          });
        }
      }
    }
  }
  return found;
}

/** Whether a list of globs takes all that a glob of a later list matches. */
function takes(earlier: readonly string[], later: readonly string[], glob: string): boolean {
  const excluded = earlier.filter((one) => one.startsWith("!")).map(plainGlob);
  // What an earlier one excludes goes on to the later, but for what that excludes too.
  if (excluded.some((one) => !later.map(plainGlob).includes(one))) return false;
  return earlier.some((one) => !one.startsWith("!") && covers(one, glob));
}

/** Forwards that no SERVER of the table carries. */
async function uncarried({ hosts, forwards }: Table): Promise<readonly Warning[]> {
  const names = hosts.flatMap(({ match }) => match.filter((glob) => !glob.startsWith("!"))).map(exampleOf);
  const found: Warning[] = [];
  for (const [index, { name, via }] of forwards.entries()) {
    if (via === undefined) continue;
    const isCarried = await Promise.all(names.map((one) => matches(via, one)));
    // A via that is narrower than a match carries what both take.
    const isNarrow = via.some((one) => hosts.some(({ match }) => match.some((glob) => covers(glob, one))));
    if (!isCarried.includes(true) && !isNarrow) {
      found.push({
        path: ["forward", index, "via"],
        what: `no [[host]] has a SERVER that carries "${name}"`,
      });
    }
  }
  return found;
}

/** What ssh_config or the name servers have against the names of one [[host]]. */
async function missing(world: World, table: Table, index: number): Promise<readonly Warning[]> {
  const names = (table.hosts[index]?.match ?? []).filter(
    (glob) => isName(glob) && neverIn(glob) === undefined,
  );
  const found: Warning[] = [];
  for (const name of names) {
    const decision = await decide(table, { server: name, method: "imap" });
    if (decision?.host !== index) continue;
    const what = await objection(world, decision);
    if (what !== undefined) found.push({ path: ["host", index, "match"], what });
    // With `server` all names lead to the same place.
    if (decision.destination.from.kind === "table") break;
  }
  return found;
}

async function objection(world: World, decision: Decision): Promise<string | undefined> {
  const { server } = decision;
  const signal = AbortSignal.timeout(decision.deadline.value);
  const note = openLog(stateDirectory(world.env, world.home), world);
  try {
    const answers = await askSsh(decision, { env: world.env, home: world.home, signal, note });
    const target = settle(decision, answers, await readLocal(world, decision, answers, signal));
    if (target.proxyCommand.value !== undefined) return undefined;
    await lookUp(target.host.value, { family: target.addressFamily.value, subject: server, signal });
    return undefined;
  } catch (error) {
    if (!(error instanceof Failure))
      return signal.aborted ? `${server}: no name server answers` : rethrown(error);
    const remedy =
      decision.destination.from.kind === "call" && error.trouble === "network"
        ? ': name what to ssh to with server = "..."'
        : "";
    return `${error.subject}: ${error.what}${remedy}`;
  }
}

function rethrown(error: unknown): never {
  throw error;
}
