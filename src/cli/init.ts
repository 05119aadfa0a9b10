import { Failure } from "../failure.ts";
import type { Person } from "../person.ts";
import { personAt } from "../report/person_at.ts";
import { print, printWhole, remark, tellPerson } from "../report/results.ts";
import { decide } from "../table/decide.ts";
import type { Decision } from "../table/decision.ts";
import { TableFailure } from "../table/failure.ts";
import { filesOf, readText, tablePath } from "../table/read.ts";
import { parseTable } from "../table/schema.ts";
import type { World } from "../world.ts";
import { Asker } from "./asker.ts";
import { connectAndSelect } from "./check.ts";
import { COPY, diffOf, type FileChange, requireOwn, shortName, textOf, writeChanges } from "./file_change.ts";
import { foundServers } from "./found_servers.ts";
import { chosenServer, withHost } from "./new_host.ts";
import { isAlpineRunning, type PinercLines, withSettings } from "./pinerc_change.ts";
import { isRemote, pinercPath, readPinerc } from "./pinerc_files.ts";
import { Timeline } from "./timeline.ts";
import { decideAsClient, namesOf } from "./user.ts";

/** What `--init` was given. */
export interface InitWords {
  readonly server: string | undefined;
  /** To print what would be written, to ask nothing, and to connect to nothing. */
  readonly printsOnly: boolean;
}

/**
 * `--init`: from nothing to a mailbox. Proposes the servers that other configuration names, asks for what it cannot know,
 * opens the mailbox as --check does, shows what it would write, and writes it after a yes: a [[host]] at the end of the
 * table, and Alpine's lines. Without a terminal it prints that. Until the yes nothing is changed anywhere.
 */
export async function init(world: World, { server: given, printsOnly }: InitWords): Promise<number> {
  const terminal = printsOnly ? undefined : world.terminal();
  const person = terminal && personAt(terminal, world);
  const ends = new AbortController();
  world.onSignal((signal, status) => ends.abort(new Failure("gone", "--init", signal, { status })));
  const signal = ends.signal;
  const asker = person && new Asker(person, signal);
  const file = tablePath(world.env, world.home);
  const before = tableText(file, world.uid);
  if (asker !== undefined) requireOwnPinerc(world);
  const found = foundServers(world);
  const server = given ?? (await chosenServer(found, asker));
  const known = await decide(await parseTable(before ?? "", file, filesOf(world.home)), {
    server,
    method: "imap",
  });
  const after =
    known === undefined
      ? await withHost(world, before ?? "", { file, server, found, asker })
      : (before ?? "");
  const table = await parseTable(after, file, filesOf(world.home));
  const words = { server, user: undefined, method: "imap" };
  const decision = (await decideAsClient(world, table, words))?.decision;
  if (decision === undefined) throw new Failure("table", file, `has a [[host]] that excludes "${server}"`);
  if (person !== undefined && asker !== undefined) {
    if (!(await opens(world, decision, person, asker))) return 0;
  }
  const names = await namesOf(table, decision, readPinerc(world)?.pinerc.mailboxes ?? []);
  const changes = [
    { path: file, before, after, encoding: "utf8" as const, mode: 0o600, keepsCopy: false },
    await pinercChange(world, server, names, asker),
  ].filter((change) => change.before !== change.after);
  return finish(world, changes, asker);
}

/** The text of the table; undefined where there is none. Throws a TableFailure for one that is not to be added to. */
function tableText(file: string, uid: number): string | undefined {
  try {
    return readText(file, uid);
  } catch (error) {
    if (error instanceof TableFailure && error.missing) return undefined;
    throw error;
  }
}

/** Whether the mailbox opens and is the person's, or is to be written down all the same. */
async function opens(world: World, decision: Decision, person: Person, asker: Asker): Promise<boolean> {
  // A deadline counts from the start of the program, and somebody has typed since.
  const began = performance.now();
  const fresh: World = { ...world, elapsed: () => performance.now() - began };
  const timeline = new Timeline(fresh);
  try {
    const status = await connectAndSelect(fresh, decision, timeline, { person, interactive: true });
    if (status === 0) return asker.yes("is this your mail", "yes");
  } catch (error) {
    if (!(error instanceof Failure) || error.trouble === "gone") throw error;
    tellPerson(world, error);
  }
  return asker.yes("go on anyway", "no");
}

/** Throws a Failure for an own file of Alpine's that could not be changed in the end. */
function requireOwnPinerc(world: World): void {
  const path = pinercPath(world);
  if (isRemote(path)) {
    throw new Failure("table", path, "is in a mailbox, and not a file that could be changed", {
      hints: ["write the table and ~/.pinerc, whose lines Alpine can take: PINERC= preauth --init"],
    });
  }
  requireOwn(path, world.uid);
  textOf(path);
}

/** What Alpine needs to call preauth for a SERVER. */
async function pinercChange(
  world: World,
  server: string,
  isServer: (host: string) => boolean,
  asker: Asker | undefined,
): Promise<FileChange> {
  const path = pinercPath(world);
  const { text: before, encoding = "utf8" } = textOf(path) ?? {};
  const change = { path, before, encoding, mode: 0o600, keepsCopy: true };
  const { pinerc } = readPinerc(world) ?? {};
  const program = world.program();
  if (/\s/.test(program)) {
    remark(world, `Alpine takes no rsh-path with a space in it: lead to ${program} by a link`);
    return { ...change, after: before ?? "" };
  }
  const inbox =
    pinerc?.mailboxes.some(({ host }) => isServer(host)) === true ? undefined : `{${server}}INBOX`;
  const isTaken = /^inbox-path[ \t]*=[ \t]*\S/im.test(before ?? "");
  const isWanted =
    inbox !== undefined &&
    (asker === undefined ? !isTaken : await asker.yes("make it the INBOX of Alpine", isTaken ? "no" : "yes"));
  const settings: PinercLines = {
    "rsh-path": program,
    "rsh-command": "%s %s %s %s",
    ...(pinerc?.sshPath === undefined ? {} : { "ssh-path": "" }),
    ...(inbox !== undefined && isWanted ? { "inbox-path": inbox } : {}),
  };
  return { ...change, after: withSettings(before ?? "", settings) };
}

/** Shows the changes, and makes them after a yes. */
async function finish(
  world: World,
  changes: readonly FileChange[],
  asker: Asker | undefined,
): Promise<number> {
  if (changes.length === 0) {
    print(world, ["nothing is to be changed"]);
    return 0;
  }
  const name = (path: string): string => shortName(path, world.home);
  printWhole(
    world,
    changes.flatMap((change) => diffOf(change, name(change.path))),
  );
  if (asker === undefined) return 0;
  const isBusy = isAlpineRunning(world.uid) === true;
  const written = changes.filter(({ keepsCopy }) => !(keepsCopy && isBusy));
  if (written.length < changes.length) {
    print(world, ["Alpine runs, and would write its own lines over these: copy them when it has ended"]);
  }
  if (written.length === 0) return 0;
  const files = written.map(({ path }) => name(path)).join(" and ");
  if (!(await asker.yes(`write ${files}`, "yes"))) {
    print(world, ["nothing has been changed"]);
    return 0;
  }
  writeChanges(written, world.pid);
  const kept = written.filter(({ keepsCopy, before }) => keepsCopy && before !== undefined);
  print(world, [
    `written: ${files}`,
    ...kept.map(({ path }) => `what ${name(path)} had before is kept in ${name(path)}${COPY}`),
    "now start Alpine; for the lines of another mail program run: preauth --snippet",
  ]);
  return 0;
}
