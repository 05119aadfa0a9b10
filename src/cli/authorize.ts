import { findImapd, type KeysFile, readKeys, writeKeys } from "../authorize/account.ts";
import { authorizedLine, withLine } from "../authorize/authorized_keys.ts";
import { forcedCommand, type Needs, needsOf } from "../authorize/forced_command.ts";
import { existingKey, isTaken, type MailKey, newKey, usualPath } from "../authorize/mail_key.ts";
import { Failure } from "../failure.ts";
import { intoFolder } from "../into_folder.ts";
import type { Person } from "../person.ts";
import { personAt } from "../report/person_at.ts";
import { print, printWhole, remark } from "../report/results.ts";
import { takeLeave } from "../session/opening.ts";
import { startingNow } from "../session/own_sessions.ts";
import { quoted } from "../shell_word.ts";
import type { Connection } from "../ssh/connection.ts";
import { sshAdd } from "../ssh/login/agent_hints.ts";
import type { Decision } from "../table/decision.ts";
import { withIdentity } from "../table/identity.ts";
import { filesOf, readText, tablePath } from "../table/read.ts";
import { parseTable } from "../table/schema.ts";
import { typed } from "../target/by_hand.ts";
import type { Target } from "../target/target.ts";
import type { World } from "../world.ts";
import { Asker } from "./asker.ts";
import { proveKey } from "./authorize_proof.ts";
import { diffOf, type FileChange, shortName, writeChanges } from "./file_change.ts";
import { loggedIn } from "./login.ts";
import { notInTable } from "./not_in_table.ts";
import { decideAsClient } from "./user.ts";

/** What `--authorize` was given. */
export interface AuthorizeWords {
  readonly server: string;
  readonly user: string | undefined;
  /** To print the line, to ask nothing, and to connect to nothing. */
  readonly printsOnly: boolean;
}

/** A key for mail, with its passphrase where that was typed just now. */
interface Chosen {
  readonly key: MailKey;
  readonly passphrase: string | undefined;
}

/**
 * `--authorize`: has a key of its own open an account for mail alone. Makes the key, shows its line of authorized_keys, puts
 * that there over the login that there is, tries what the key must not open, and names it in the table. Before the yes
 * nothing is changed anywhere. Without a terminal it prints the line.
 */
export async function authorize(world: World, { server, user, printsOnly }: AuthorizeWords): Promise<number> {
  const file = tablePath(world.env, world.home);
  const text = readText(file, world.uid);
  const table = await parseTable(text, file, filesOf(world.home));
  const call = await decideAsClient(world, table, { server, user, method: "imap" });
  if (call === undefined) throw notInTable(server, file);
  const { decision } = call;
  const needs = await needsOf(table, decision);
  const terminal = printsOnly ? undefined : world.terminal();
  if (terminal === undefined) return printLine(world, decision, needs);
  const person = personAt(terminal, world);
  const ends = new AbortController();
  world.onSignal((signal, status) => ends.abort(new Failure("gone", "--authorize", signal, { status })));
  const { signal } = ends;
  const asker = new Asker(person, signal);
  const { key, passphrase } = await chosenKey(world, server, asker, signal);
  try {
    const change = await tableChange(world, { file, text, decision, key });
    const target = await install(world, { decision, needs, key, change, person, asker, signal });
    if (target === undefined) return 0;
    try {
      const status = await proveKey(world, { decision, needs, key, passphrase, person, signal });
      if (status === 0) return finish(world, change, { key, passphrase, target });
      if (change !== undefined) remark(world, standing(world, server, key));
      return status;
    } catch (error) {
      // What has been installed stays: of a table that could not be written nobody would guess that.
      if (change !== undefined && error instanceof Failure) remark(world, standing(world, server, key));
      throw error;
    }
  } finally {
    key[Symbol.dispose]();
  }
}

/** The line for a key that is there: in the table's words, with the search for an imapd where the table has that. */
function printLine(
  world: World,
  { server, identity, destination }: Decision,
  { served, ports }: Needs,
): number {
  const usual = usualPath(world.home, server);
  const named = identity?.value.map((path) => whole(world, path)) ?? [];
  const path = [usual, ...named].find(isTaken);
  if (path === undefined) {
    const hints = [`make one: ${intoFolder(usual, typed("ssh-keygen", "-t", "ed25519", "-f", usual))}`];
    throw new Failure("usage", usual, "no key for mail exists yet", { hints });
  }
  const command = forcedCommand(served, undefined);
  printWhole(world, [authorizedLine({ key: existingKey(path).line, command, ports, version: undefined })]);
  remark(world, `this line goes into ~/.ssh/authorized_keys on ${destination.value}`);
  return 0;
}

function whole({ home }: World, path: string): string {
  return path.replace(/^~(?=\/)/, () => home);
}

/** The key that the person names: one that is there, or a new one. */
async function chosenKey(world: World, server: string, asker: Asker, signal: AbortSignal): Promise<Chosen> {
  const usual = shortName(usualPath(world.home, server), world.home);
  const isPath = (answer: string): boolean => /^(~\/|\/)./.test(answer) && !answer.endsWith("/");
  const path = whole(world, await asker.line("file of the key for mail alone", usual, isPath));
  if (isTaken(path)) {
    asker.tell([`${shortName(path, world.home)} exists, and is used`]);
    return { key: existingKey(path), passphrase: undefined };
  }
  const passphrase = await asker.secret("a passphrase for it");
  return { key: await newKey(path, passphrase, { env: world.env, signal }), passphrase };
}

/** The table that names the key; undefined where that is not to be written, or stands there already. */
async function tableChange(
  world: World,
  { file, text, decision, key }: { file: string; text: string; decision: Decision; key: MailKey },
): Promise<FileChange | undefined> {
  const name = shortName(key.path, world.home);
  if (decision.identity?.value.length === 1 && whole(world, decision.identity.value[0] ?? "") === key.path) {
    return undefined;
  }
  const after = await withIdentity(text, file, decision, name);
  if (after !== undefined)
    return { path: file, before: text, after, encoding: "utf8", mode: 0o600, keepsCopy: false };
  remark(world, `write into its [[host]] of ${file}: identity = ${JSON.stringify(name)}`);
  return undefined;
}

/** What the installation needs. */
interface Installation {
  readonly decision: Decision;
  readonly needs: Needs;
  readonly key: MailKey;
  readonly change: FileChange | undefined;
  readonly person: Person;
  readonly asker: Asker;
  readonly signal: AbortSignal;
}

/** Puts the line into authorized_keys, by the login that there is, after a yes. Gives where that led; undefined after a no. */
async function install(world: World, given: Installation): Promise<Target | undefined> {
  const { decision, needs, key, person, signal } = given;
  const isNamed = decision.identity?.value.some((path) => whole(world, path) === key.path) === true;
  // The key for mail opens no shell to write with.
  const existing = isNamed ? { ...decision, identity: undefined } : decision;
  const { connection } = await loggedIn(startingNow(world), existing, person, "first");
  try {
    const keys = await readKeys(connection, signal).catch((error: unknown) => {
      throw isOwn(connection, key) ? withoutShell(decision) : error;
    });
    const isSearching = needs.served.some(({ line }) => line === undefined);
    const imapd = isSearching ? await findImapd(connection, signal) : undefined;
    const command = forcedCommand(needs.served, imapd);
    const { version } = connection;
    const line = authorizedLine({ key: key.line, command, ports: needs.ports, version });
    return (await write(world, given, { connection, keys, line })) ? connection.target : undefined;
  } finally {
    await takeLeave(connection);
  }
}

/** Whether a key has let the user in. */
function isOwn({ attempts }: Connection, { line }: MailKey): boolean {
  return attempts.some((one) => one.outcome === "signed" && line.startsWith(one.line));
}

function withoutShell({ server }: Decision): Failure {
  const hints = ["log in to the server in another way to change what the key may do"];
  const what = "the only key that lets you in is the one for mail, which opens no shell";
  return new Failure("auth", server, what, { hints });
}

/** What is to be written, and where. */
interface Writing {
  readonly connection: Connection;
  readonly keys: KeysFile;
  readonly line: string;
}

async function write(
  world: World,
  { decision, key, change, asker, signal }: Installation,
  { connection, keys, line }: Writing,
): Promise<boolean> {
  const { server } = decision;
  const { after, replaced } = withLine(keys.text, line);
  print(world, [`authorized_keys of ${connection.target.user.value} on ${server}:`]);
  printWhole(world, [line]);
  if (replaced.length > 0) {
    print(world, ["in place of what this key may do there now:"]);
    printWhole(world, replaced);
  }
  if (change !== undefined) printWhole(world, diffOf(change, shortName(change.path, world.home)));
  if (after !== keys.text) {
    const isOpen = replaced.some((one) => !/\bcommand="/.test(one));
    if (isOpen)
      print(world, [
        "this key opens a shell on the server now: do not restrict it if you have no other way in",
      ]);
    if (!(await asker.yes(`install it on ${server}`, isOpen ? "no" : "yes"))) {
      print(world, ["nothing has been changed"]);
      return false;
    }
    await writeKeys(connection, keys, after, signal);
    print(world, ["installed"]);
    if (keys.sum !== "none") print(world, ["the old file is kept as ~/.ssh/authorized_keys.before-preauth"]);
  } else {
    print(world, ["it is there already"]);
  }
  key.keep();
  return true;
}

/** What is the case where a key is installed, and the table is not to name it, or not yet. */
function standing({ home }: World, server: string, { path }: MailKey): string {
  return `the table does not name the key; it is ${shortName(path, home)}, and its line is in ~/.ssh/authorized_keys on ${server}`;
}

/** Names the key in the table, now that it opens the mailbox. Throws a Failure where the table cannot be written. */
function finish(world: World, change: FileChange | undefined, done: Chosen & { target: Target }): number {
  const { key, passphrase, target } = done;
  if (change !== undefined) {
    try {
      writeChanges([change], world.pid);
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      const name = JSON.stringify(shortName(key.path, world.home));
      const hints = ["run the same command again", `or write into its [[host]]: identity = ${name}`];
      throw new Failure(error.trouble, error.subject, error.what, { hints, cause: error });
    }
    print(world, [`written: ${shortName(change.path, world.home)}`]);
  }
  if (passphrase) {
    const add = sshAdd({ path: target.agent.value, variable: target.agentVariable.value });
    remark(
      world,
      `no mail program asks for its passphrase: ${add} ${quoted(shortName(key.path, world.home))}`,
    );
  }
  return 0;
}
