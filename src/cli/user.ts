import { openLog } from "../report/log.ts";
import { quoted } from "../shell_word.ts";
import { stateDirectory } from "../state/directory.ts";
import { decide } from "../table/decide.ts";
import type { Decision } from "../table/decision.ts";
import type { Table } from "../table/table.ts";
import { readAccount } from "../target/account.ts";
import { askSsh } from "../target/ask_ssh.ts";
import type { World } from "../world.ts";
import type { RemoteMailbox } from "./pinerc.ts";
import { readPinerc } from "./pinerc_files.ts";
import type { ServerWords } from "./server_words.ts";

/** A verb's decision, made as for the call of a mail program: with the USER that it would give. */
export interface ClientCall {
  readonly decision: Decision;
  /** The person's own name: what Alpine gives for a mailbox without /user=. */
  readonly login: string;
  /** Where the USER came from: "the call", "~/.pinerc:3", "your login name". */
  readonly from: string;
  /** The mailboxes of Alpine's configuration that name the SERVER. */
  readonly mailboxes: readonly RemoteMailbox[];
}

/**
 * What the table says about a SERVER, called with the USER of the verb's words, or else with the one that Alpine would
 * give: that of a mailbox that names SERVER, or the login name (never ssh_config's: a mail program always names
 * somebody). Undefined for a server that is not in the table.
 */
export async function decideAsClient(
  world: World,
  table: Table,
  words: ServerWords,
): Promise<ClientCall | undefined> {
  const plain = await decide(table, words);
  if (plain === undefined) return undefined;
  const login = (await readAccount(world.uid, AbortSignal.timeout(plain.deadline.value))).user;
  const all = readPinerc(world)?.pinerc.mailboxes ?? [];
  const isServer = await namesOf(table, plain, all);
  const mailboxes = all.filter(({ host }) => isServer(host));
  if (words.user !== undefined) return { decision: plain, login, from: "the call", mailboxes };
  const [first] = mailboxes;
  const user = first?.user ?? login;
  const from = first?.user === undefined ? "your login name" : placeText(first);
  const decision = (await decide(table, { ...words, user })) ?? plain;
  return { decision, login, from, mailboxes };
}

/** Whether Alpine makes such calls: its own configuration is of no matter to others. */
export function isOfAlpine({ decision }: ClientCall): boolean {
  return decision.method === "imap";
}

/** Whether a mailbox's host is the SERVER of a decision: by its name, or by another one that leads to the same account. */
export async function namesOf(
  table: Table,
  decision: Decision,
  mailboxes: readonly RemoteMailbox[],
): Promise<(host: string) => boolean> {
  const plain = (name: string): string => name.toLowerCase().replace(/\.$|^\[|\]$/g, "");
  const same = new Set<string>();
  for (const { host } of mailboxes) {
    const other = await decide(table, { server: host, method: decision.method });
    const isSame = other?.host === decision.host && other.destination.value === decision.destination.value;
    if (isSame || plain(host) === plain(decision.server)) same.add(host);
  }
  return (host) => same.has(host);
}

/** A place as a person reads it: "~/.pinerc:3". */
export function placeText({ file, line }: Pick<RemoteMailbox, "file" | "line">): string {
  return `${file}:${line}`;
}

/**
 * What to know about the USER of a call, in lines: that ssh_config has another one, which a mail program's wins over, or
 * that the mail program gives another one; with the line to write. Empty where the table names the user.
 */
export async function userNotes(world: World, call: ClientCall): Promise<readonly string[]> {
  const { decision, from, login, mailboxes } = call;
  const { user, server } = decision;
  if (user === undefined || user.from.kind === "table") return [];
  const configured = await configuredUser(world, decision, login);
  const others = !isOfAlpine(call)
    ? []
    : [...new Set(mailboxes.map((one) => one.user ?? login))].filter((one) => one !== user.value);
  const notes: string[] = [];
  if (configured !== undefined && configured !== user.value) {
    notes.push(
      from === "the call"
        ? `note: the call's user "${user.value}" wins over ssh_config's "${configured}", as with ssh -l`
        : `note: Alpine gives the user "${user.value}" (${from}), and not ssh_config's "${configured}"`,
      `  to log in as ${configured}, write into its [[host]]: user = "${configured}"`,
    );
  }
  for (const other of others) {
    notes.push(`note: Alpine calls as "${other}" too: preauth --check ${quoted(server)} ${quoted(other)}`);
  }
  if (others.length > 0) {
    notes.push(`  to log in as ${user.value} always, write into its [[host]]: user = "${user.value}"`);
  }
  return notes;
}

/** The User that ssh_config has for a destination; undefined where it has none. */
async function configuredUser(world: World, decision: Decision, login: string): Promise<string | undefined> {
  const signal = AbortSignal.timeout(decision.deadline.value);
  const note = openLog(stateDirectory(world.env, world.home), world);
  const options = { env: world.env, home: world.home, signal, note };
  const answers = await askSsh({ ...decision, user: undefined }, options).catch(() => undefined);
  const configured = answers?.get("user")?.[0];
  return configured === login ? undefined : configured;
}
