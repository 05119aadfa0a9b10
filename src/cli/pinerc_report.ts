import { accessSync, constants, readFileSync, realpathSync, statSync } from "node:fs";
import { basename } from "node:path";
import { decide } from "../table/decide.ts";
import type { Table } from "../table/table.ts";
import { runProgram } from "../target/run_program.ts";
import type { World } from "../world.ts";
import type { Json } from "./document.ts";
import { readPinerc } from "./pinerc_files.ts";
import { obstaclesIn, openTimeout } from "./pinerc_obstacles.ts";
import { type ClientCall, namesOf, placeText } from "./user.ts";

/** Seconds that Alpine waits for a greeting; 0 where it does not call. */
export function alpinesTimeout(world: World): number {
  return openTimeout(readPinerc(world)?.pinerc);
}

/** How a call that had its greeting after `greeted` milliseconds compares with Alpine's timeout. */
export function alpinesPatience(world: World, greeted: number | undefined): string {
  const timeout = alpinesTimeout(world);
  if (timeout === 0) return "Alpine does not call: rsh-open-timeout=0";
  if (greeted === undefined) return `no greeting; Alpine waits ${timeout} s for one`;
  const seconds = (greeted / 1000).toFixed(2);
  const verdict = greeted < timeout * 1000 ? "in time" : "too late";
  return `greeting after ${seconds} s, ${verdict} for Alpine, which waits ${timeout} s`;
}

/** What keeps Alpine from making a call: where, and the line to write; undefined where there is no configuration. */
export interface PinercFindings {
  /** The person's own file, as a person would name it. */
  readonly own: string;
  readonly obstacles: readonly {
    readonly at: string;
    readonly what: string;
    readonly write: string | undefined;
  }[];
}

/** Looks at Alpine's configuration; undefined where there is none. */
export async function pinercFindings(
  world: World,
  table: Table,
  call: ClientCall,
): Promise<PinercFindings | undefined> {
  const files = readPinerc(world);
  if (files === undefined) return undefined;
  const { decision, login } = call;
  const isServer = await namesOf(table, decision, files.pinerc.mailboxes);
  const obstacles = obstaclesIn(files.pinerc, {
    ...{ server: decision.server, login, deadline: decision.deadline.value, program: world.program() },
    ...{ isServer, isExecutable, isPreauth: (path: string) => isPreauth(path, world.program()) },
    isUtf8: isUtf8(world.env),
  });
  return {
    own: files.own,
    obstacles: [
      ...files.unread.map(({ file, why }) => ({ at: file, what: why, write: undefined })),
      // What a file has that nobody can read is not missing.
      ...(files.isOwnUnread ? [] : obstacles).map(({ at, what, line }) => {
        return { at: at === undefined ? files.own : placeText(at), what, write: line };
      }),
    ],
  };
}

/** The same for a JSON document: a list that is empty where nothing is wrong; null where there is no configuration. */
export function obstaclesJson(found: PinercFindings | undefined): Json {
  if (found === undefined) return null;
  return found.obstacles.map(({ at, what, write = null }) => ({ at, what, write }));
}

/** The same in lines for a person. */
export function pinercLines(found: PinercFindings | undefined): readonly string[] {
  if (found === undefined) return ["there is no ~/.pinerc to look at"];
  const { own, obstacles } = found;
  if (obstacles.length === 0) return [`${own}: nothing in it keeps Alpine from calling preauth`];
  return obstacles.flatMap(({ at, what, write }) => [
    `${at}: ${what}`,
    ...(write === undefined ? [] : [`  write: ${write}`]),
  ]);
}

/**
 * Alpine calls with the canonical name of a mailbox's host (tcp_canonical of c-client): where the table does not take
 * that for the same server, says so. Asks the name servers, through getent(1), on macOS through dscacheutil(1).
 */
export async function canonicalNotes(
  table: Table,
  { decision, mailboxes }: ClientCall,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const notes: string[] = [];
  for (const host of new Set(mailboxes.map((one) => one.host))) {
    const name = await canonicalName(host, signal);
    if (name === undefined || name === host.toLowerCase()) continue;
    const other = await decide(table, { server: name, method: decision.method });
    if (other?.host === decision.host) continue;
    const place = mailboxes.find((one) => one.host === host);
    notes.push(
      `${place === undefined ? "" : `${placeText(place)}: `}Alpine calls for {${host}} with its canonical name "${name}", which ${other === undefined ? "the table does not have" : "another [[host]] has"}`,
      `  write into the match of its [[host]]: "${name}"`,
    );
  }
  return notes;
}

async function canonicalName(host: string, signal: AbortSignal): Promise<string | undefined> {
  const answer = await runProgram("getent", ["ahosts", "--", host], { signal });
  const known = /^\S+\s+\S+\s+(\S+)/.exec(answer?.stdout ?? "")?.[1];
  return (known ?? (await nameOnMacOs(host, signal)))?.toLowerCase();
}

/** What dscacheutil(1) says, a line `name: NAME` before those of the aliases; undefined where there is no such program. */
async function nameOnMacOs(host: string, signal: AbortSignal): Promise<string | undefined> {
  const answer = await runProgram("dscacheutil", ["-q", "host", "-a", "name", host], { signal });
  return /^name: (\S+)/m.exec(answer?.stdout ?? "")?.[1];
}

/** Whether a path leads to this program: by a link, or as a script that names it, as wrappers do. */
function isPreauth(path: string, program: string): boolean {
  try {
    if (realpathSync(path) === realpathSync(program)) return true;
    const { size } = statSync(path);
    if (size > LONGEST_SCRIPT) return basename(path) === "preauth";
    const text = readFileSync(path, "latin1");
    return text.startsWith("#!") && text.includes("preauth");
  } catch {
    return false;
  }
}

/** Whether the locale's character set is UTF-8 (POSIX.1-2017, XBD 8.2: the first of these that is not empty). */
function isUtf8({ LC_ALL, LC_CTYPE, LANG }: World["env"]): boolean {
  return /\butf-?8\b/i.test(LC_ALL || LC_CTYPE || LANG || "");
}

/** Bytes of a script that starts another program. */
const LONGEST_SCRIPT = 64 * 1024;

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return statSync(file).isFile();
  } catch {
    return false;
  }
}
