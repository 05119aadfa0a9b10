import { bounded } from "../abort.ts";
import { isOfDropbear } from "../authorize/authorized_keys.ts";
import type { Needs } from "../authorize/forced_command.ts";
import type { MailKey } from "../authorize/mail_key.ts";
import { proofs } from "../authorize/proofs.ts";
import { Failure } from "../failure.ts";
import type { Person } from "../person.ts";
import { Progress } from "../progress.ts";
import { print, tellPerson } from "../report/results.ts";
import { commandLine, portOf } from "../session/command.ts";
import { startSession, takeLeave } from "../session/opening.ts";
import { startingNow } from "../session/own_sessions.ts";
import type { Connection } from "../ssh/connection.ts";
import type { Decision } from "../table/decision.ts";
import type { World } from "../world.ts";
import { countText, selectInbox } from "./inbox.ts";
import { loggedIn } from "./login.ts";

/** What is to be proven. */
export interface Claim {
  readonly decision: Decision;
  readonly needs: Needs;
  readonly key: MailKey;
  /** Of the key, where it was typed just now. */
  readonly passphrase: string | undefined;
  readonly person: Person;
  readonly signal: AbortSignal;
}

/** serverloop.c of OpenSSH: whoever may forward ports may connect to sockets, whatever permitopen says. */
const SOCKETS =
  "note: a key with ports can also connect to Unix sockets of the account, and listen at new ones, unless sshd_config has AllowStreamLocalForwarding no";

/** Milliseconds in which the mailbox is to be open: a large mbox is read from end to end. */
const LIMIT = 60_000;

/**
 * Logs in with the key and nothing else, tries what it must not open, and opens the mailbox, a line for each. Gives the exit
 * status: 0 where all holds, 69 where the server has allowed more, or no mailbox. Throws a Failure where the key lets nobody
 * in.
 */
export async function proveKey(world: World, claim: Claim): Promise<number> {
  const { decision, needs, key, signal } = claim;
  const connection = await withKeyAlone(world, claim);
  let failed = 0;
  try {
    for await (const { what, allowed } of proofs(connection, needs, signal)) {
      if (allowed !== undefined) failed += 1;
      print(world, [allowed === undefined ? `refused  ${what}` : `ALLOWED  ${what}: ${allowed}`]);
    }
    try {
      print(world, [`opens    ${await openedMailbox(decision, connection, signal)}`]);
    } catch (error) {
      if (!(error instanceof Failure) || error.trouble === "gone") throw error;
      failed += 1;
      print(world, [`FAILED   INBOX: ${error.what}`]);
    }
  } finally {
    await takeLeave(connection);
  }
  const isDropbear = isOfDropbear(connection.version);
  if (needs.ports.length > 0 && !isDropbear) print(world, [SOCKETS]);
  if (failed === 0) return 0;
  const hints = isDropbear
    ? ["dropbear restricts less than sshd; ask for sshd there, or do without forwards to this server"]
    : [
        `take the line of ${key.path}.pub out of ~/.ssh/authorized_keys on the server until this is corrected`,
      ];
  tellPerson(
    world,
    new Failure("command", decision.server, "the key does not open mail and nothing else", { hints }),
  );
  return 69;
}

/** Throws a Failure where the server lets in nobody by this key. */
async function withKeyAlone(world: World, claim: Claim): Promise<Connection> {
  const { decision, key, person } = claim;
  const { server, host } = decision;
  const alone: World = { ...startingNow(world), env: { ...world.env, SSH_AUTH_SOCK: undefined } };
  const identity = { value: [key.path], from: { kind: "table", path: ["host", host, "identity"] } } as const;
  try {
    const { connection } = await loggedIn(alone, { ...decision, identity }, onlyKey(person, claim), "first");
    const last = connection.attempts.at(-1);
    if (last?.outcome === "signed" && key.line.startsWith(last.line)) return connection;
    await takeLeave(connection);
    throw new Failure("auth", server, "lets you in without this key, or with another one");
  } catch (error) {
    if (!(error instanceof Failure) || error.trouble !== "auth") throw error;
    throw new Failure(
      "auth",
      server,
      `the server refuses the key, though its line is in ~/.ssh/authorized_keys (${error.what})`,
      {
        hints: [
          "sshd may read another file: the server's root finds it as authorizedkeysfile in sshd -T; put the line into that",
          "or it does not trust the file: neither it nor ~/.ssh nor the home may be writable by group or others",
        ],
        cause: error,
      },
    );
  }
}

/** Somebody who knows the passphrase of the key, and no password. */
function onlyKey(person: Person, { passphrase, decision }: Claim): Person {
  return {
    ...person,
    ask: (question, options) => {
      if (!question.startsWith("Enter passphrase for key")) {
        return Promise.reject(new Failure("auth", decision.server, "the server asks for more than the key"));
      }
      return passphrase === undefined ? person.ask(question, options) : Promise.resolve(passphrase);
    },
  };
}

async function openedMailbox(
  decision: Decision,
  connection: Connection,
  signal: AbortSignal,
): Promise<string> {
  return bounded(LIMIT, signal, async (inTime) => {
    const options = { progress: new Progress(), onRemark: () => {} };
    const { remote, first } = await startSession(
      decision,
      commandLine(decision),
      connection,
      options,
      inTime,
    );
    try {
      if (portOf(decision) !== undefined && !/^\* PREAUTH/i.test(String(first[0]))) {
        return "the port of imap, where the mail program logs in";
      }
      const selected = await selectInbox(remote, first[1] ?? Buffer.alloc(0), inTime);
      if (selected?.isOk !== true) {
        throw new Failure("command", decision.server, selected?.answer ?? "the IMAP server has ended");
      }
      const { messages, isReadOnly } = selected;
      return `INBOX${countText(messages)}${isReadOnly ? ", for reading only" : ""}`;
    } finally {
      remote.hangUp();
    }
  });
}
