import { Failure } from "../failure.ts";
import type { Person } from "../person.ts";
import { personAt } from "../report/person_at.ts";
import { print, printWhole, remark, tellPerson } from "../report/results.ts";
import { decide } from "../table/decide.ts";
import type { Decision } from "../table/decision.ts";
import { TableFailure } from "../table/failure.ts";
import { isHostname, isUser } from "../table/names.ts";
import { readText, tablePath } from "../table/read.ts";
import { parseTable } from "../table/schema.ts";
import { readAccount } from "../target/account.ts";
import { parseJumps } from "../target/jump.ts";
import type { World } from "../world.ts";
import { connectAndSelect } from "./check.ts";
import { COPY, diffOf, type FileChange, textOf, writeChanges } from "./file_change.ts";
import { type FoundServer, foundServers } from "./found_servers.ts";
import { isAlpineRunning, type PinercLines, withSettings } from "./pinerc_change.ts";
import { readPinerc } from "./pinerc_files.ts";
import { Timeline } from "./timeline.ts";
import { decideAsClient, namesOf } from "./user.ts";

/** What `--init` was given. */
export interface InitWords {
  readonly server: string | undefined;
  /** To print what would be written, to ask nothing, and to connect to nothing. */
  readonly printsOnly: boolean;
}

/** What the person, or a proposal, says about a server that the table does not have. */
interface Wanted {
  readonly server: string;
  readonly destination: string;
  readonly port: string | undefined;
  readonly user: string;
}

/**
 * `--init`: from nothing to a mailbox. Proposes the servers that other configuration names, asks for what it cannot know,
 * opens the mailbox as --check does, shows what it would write, and writes it after a yes: a [[host]] at the end of the
 * table, and Alpine's lines. Without a terminal it prints that. Until the yes nothing is changed anywhere.
 */
export async function init(world: World, { server: given, printsOnly }: InitWords): Promise<number> {
  const terminal = printsOnly ? undefined : world.terminal();
  const person = terminal && personAt(terminal);
  const ends = new AbortController();
  world.onSignal((signal, status) => ends.abort(new Failure("gone", "--init", signal, { status })));
  const signal = ends.signal;
  const asker = person && new Asker(person, signal);
  const file = tablePath(world.env, world.home);
  const before = tableText(file, world.uid);
  const found = foundServers(world);
  const server = given ?? (await chosen(found, asker));
  const known = await decide(await parseTable(before ?? "", file), { server, method: "imap" });
  const after =
    known === undefined ? await withHost(world, before ?? "", { server, found, asker }) : (before ?? "");
  const table = await parseTable(after, file, world.home);
  const words = { server, user: undefined, method: "imap" };
  const decision = (await decideAsClient(world, table, words))?.decision;
  if (decision === undefined) throw new Failure("table", file, `has a [[host]] that excludes "${server}"`);
  if (person !== undefined && asker !== undefined) {
    if (!(await opens(world, decision, person, asker))) return 0;
  }
  const names = await namesOf(table, decision, readPinerc(world)?.pinerc.mailboxes ?? []);
  const changes = [
    { path: file, before, after, mode: 0o600, keepsCopy: false },
    await pinercChange(world, server, names, asker),
  ].filter((change) => change.before !== change.after);
  return finish(world, changes, asker);
}

async function account(world: World, signal: AbortSignal): Promise<string> {
  return (await readAccount(world.uid, signal)).user;
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

/** Asks until an answer is good. */
class Asker {
  readonly #person: Person;
  readonly #signal: AbortSignal;

  constructor(person: Person, signal: AbortSignal) {
    this.#person = person;
    this.#signal = signal;
  }

  /** One line; the default for an empty one. */
  async line(question: string, usual: string, isGood: (answer: string) => boolean): Promise<string> {
    for (;;) {
      const shown = usual === "" ? `${question}: ` : `${question} [${usual}]: `;
      const answer = (await this.#person.ask(shown, { echo: true, signal: this.#signal })).trim() || usual;
      if (isGood(answer)) return answer;
      this.#person.tell([`"${answer}" is not one`]);
    }
  }

  async yes(question: string, usual: "yes" | "no"): Promise<boolean> {
    return (await this.line(question, usual, (answer) => /^(y|yes|n|no)$/i.test(answer)))
      .toLowerCase()
      .startsWith("y");
  }

  tell(lines: readonly string[]): void {
    this.#person.tell(lines);
  }
}

/** The SERVER to begin with: one of those that were found, by its number, or another. */
async function chosen(found: readonly FoundServer[], asker: Asker | undefined): Promise<string> {
  const [first] = found;
  if (asker === undefined) {
    if (first !== undefined) return first.name;
    throw new Failure("usage", "usage", "--init needs a SERVER: no configuration names one");
  }
  if (first !== undefined) {
    asker.tell(
      found.slice(0, MOST_SHOWN).map(({ name, user, from }, index) => {
        return `${index + 1}  ${user === undefined ? "" : `${user}@`}${name}  (${from})`;
      }),
    );
  }
  const usual = first === undefined ? "" : "1";
  const byNumber = (answer: string): string | undefined => found[Number(answer) - 1]?.name;
  const answer = await asker.line("the mail server, as the mail program is to call it", usual, (one) =>
    /^\d{1,2}$/.test(one) ? byNumber(one) !== undefined : isHostname(one),
  );
  return byNumber(answer) ?? answer;
}

/** Proposals beyond these scroll away. */
const MOST_SHOWN = 20;

/** The table with one more [[host]] at its end: what stands there already stays to the byte. */
async function withHost(
  world: World,
  before: string,
  { server, found, asker }: { server: string; found: readonly FoundServer[]; asker: Asker | undefined },
): Promise<string> {
  const own = found.find(({ name }) => name === server.toLowerCase());
  const user = own?.user ?? (await account(world, AbortSignal.timeout(USUAL_MS)));
  const wanted = await asked(asker, { server, destination: server, port: undefined, user });
  const eol = before.includes("\r\n") ? "\r\n" : "\n";
  const gap = before === "" ? "" : before.endsWith("\n") ? eol : eol + eol;
  return (
    before +
    gap +
    hostLines(wanted)
      .map((line) => line + eol)
      .join("")
  );
}

/** Milliseconds for a look at the password file. */
const USUAL_MS = 10_000;

async function asked(asker: Asker | undefined, usual: Wanted): Promise<Wanted> {
  if (asker === undefined) return usual;
  const isDestination = (text: string): boolean => {
    const [jump, ...others] = parseJumps(text) ?? [];
    return jump !== undefined && others.length === 0 && isHostname(jump.host) && !/[@/]/.test(jump.host);
  };
  const answer = await asker.line("ssh to, as [USER@]HOST[:PORT]", usual.destination, isDestination);
  const [jump] = parseJumps(answer) ?? [];
  const { host: destination = usual.destination, port, user: given } = jump ?? {};
  const user = await asker.line("login name on the server", given ?? usual.user, isUser);
  return { server: usual.server, destination, port, user };
}

function hostLines({ server, destination, port, user }: Wanted): readonly string[] {
  return [
    "[[host]]",
    `match = ${JSON.stringify(server)}`,
    ...(destination === server ? [] : [`server = ${JSON.stringify(destination)}`]),
    `user = ${JSON.stringify(user)}`,
    ...(port === undefined ? [] : [`port = ${Number(port)}`]),
  ];
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
  return asker.yes("go on all the same", "no");
}

/** What Alpine needs to call preauth for a SERVER. */
async function pinercChange(
  world: World,
  server: string,
  isServer: (host: string) => boolean,
  asker: Asker | undefined,
): Promise<FileChange> {
  const path = world.env.PINERC || `${world.home}/.pinerc`;
  const before = textOf(path);
  const { pinerc } = readPinerc(world) ?? {};
  const program = world.program();
  if (/\s/.test(program)) {
    remark(world, `Alpine takes no rsh-path with a space in it: lead to ${program} by a link`);
    return { path, before, after: before ?? "", mode: 0o600, keepsCopy: true };
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
  return { path, before, after: withSettings(before ?? "", settings), mode: 0o600, keepsCopy: true };
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
  const name = (path: string): string =>
    path.startsWith(`${world.home}/`) ? `~${path.slice(world.home.length)}` : path;
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
    ...kept.map(({ path }) => `what it had before is kept in ${name(path)}${COPY}`),
  ]);
  return 0;
}
