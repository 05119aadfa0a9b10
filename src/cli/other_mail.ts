import { bounded, orAborted } from "../abort.ts";
import { Failure } from "../failure.ts";
import { quoted } from "../shell_word.ts";
import type { Connection } from "../ssh/connection.ts";
import type { Decision } from "../table/decision.ts";
import type { Selected } from "./inbox.ts";

/** Mail on the remote host: a file of mbox form or a Maildir, and the messages in it. */
export interface MailStore {
  readonly kind: "mbox" | "maildir";
  readonly path: string;
  readonly messages: number;
}

/** What was found where mail mostly is. */
export interface OtherMail {
  readonly stores: readonly MailStore[];
  /** The server's clock, in seconds since 1970. */
  readonly now: number;
  readonly hasDovecot: boolean;
}

/** How long the server may take to look, in milliseconds: a large mbox is read from end to end. */
const PATIENCE_MS = 5_000;

/** Characters of an answer. */
const LONGEST = 16 * 1024;

/** Seconds between the making of a mailbox and the look after it. */
const RECENT_S = 60;

/**
 * A script for the remote host's sh, in single quotes for its login shell as the search for an imapd is: it has none of
 * its own, no backslash and no exclamation mark. The first message of an mbox may be one that keeps an IMAP server's notes.
 */
const LOOK = [
  'echo "now $(date +%s)"',
  "spool=/var/mail/$USER",
  "[ -d /var/mail ] || spool=/var/spool/mail/$USER",
  `for box in "$spool" ~/mbox ~/mail/inbox ~/mail/INBOX ~/inbox`,
  `do [ -s "$box" ] && [ -f "$box" ] || continue`,
  `n=$(grep -c "^From " "$box")`,
  `if grep -q "FOLDER INTERNAL DATA" "$box"; then n=$((n-1)); fi`,
  `echo "mbox $n $box"`,
  "done",
  "for box in ~/Maildir ~/.maildir ~/Mail ~/mail ~/.mail",
  `do [ -d "$box/cur" ] || continue`,
  `echo "maildir $(find "$box/cur" "$box/new" -type f | wc -l) $box"`,
  "done",
  'if command -v doveadm >/dev/null; then echo "doveadm"; fi',
  "echo end",
].join("; ");

/**
 * Looks where mail mostly is. Undefined where that cannot be told: an account that runs one command only, no second
 * session, or a server that takes too long. Rejects with the signal's reason alone.
 */
export async function otherMail(
  connection: Pick<Connection, "exec">,
  signal: AbortSignal,
): Promise<OtherMail | undefined> {
  try {
    return await bounded(PATIENCE_MS, signal, (ends) => look(connection, ends));
  } catch {
    signal.throwIfAborted();
    return undefined;
  }
}

async function look(
  connection: Pick<Connection, "exec">,
  signal: AbortSignal,
): Promise<OtherMail | undefined> {
  const remote = await connection.exec(`exec /bin/sh -c '${LOOK}'`, { signal });
  remote.stdin.on("error", () => {});
  remote.stdin.end();
  remote.stderr.resume();
  const answer = new Promise<string>((resolve) => {
    let text = "";
    remote.stdout.on("data", (chunk: Buffer) => {
      text += chunk.toString();
      if (/^end$/m.test(text) || text.length > LONGEST) resolve(text);
    });
    void remote.ended.then(() => resolve(text));
  });
  return found(await orAborted(answer, signal).finally(() => remote.hangUp()));
}

function found(text: string): OtherMail | undefined {
  const now = /^now (\d+)$/m.exec(text)?.[1];
  if (now === undefined || !/^end$/m.test(text)) return undefined;
  const lines = [...text.matchAll(/^(mbox|maildir) +(\d+) (\/.+)$/gm)];
  const stores = lines.map(([, kind, messages, path = ""]) => ({
    kind: kind === "mbox" ? ("mbox" as const) : ("maildir" as const),
    path,
    messages: Number(messages),
  }));
  return {
    stores: stores.filter(({ messages }) => messages > 0),
    now: Number(now),
    hasDovecot: /^doveadm$/m.test(text),
  };
}

/** What there is to say of an INBOX that is empty: a line for a person, and a Failure where it is not the one that is meant. */
export interface OfEmpty {
  readonly note: string | undefined;
  readonly objection: Failure | undefined;
}

/**
 * Judges an INBOX without a message. One that has just been made, while there is mail elsewhere, is the wrong one; one that
 * was empty before may be as it should.
 */
export function ofEmpty({ uidValidity }: Selected, mail: OtherMail, { server, command }: Decision): OfEmpty {
  // The second in which a mailbox was made is its number with every server (RFC 3501 section 2.3.1.1).
  const isNew = uidValidity !== undefined && Math.abs(mail.now - uidValidity) < RECENT_S;
  const [store] = mail.stores;
  if (store === undefined) {
    return {
      note: isNew ? "INBOX is new, and no mail was found elsewhere" : undefined,
      objection: undefined,
    };
  }
  const places = mail.stores.map(({ path, messages }) => `${path} has ${messages}`).join(", ");
  if (!isNew) return { note: `INBOX is empty, while ${places}`, objection: undefined };
  const hints = [
    ...(command?.value.kind === "auto"
      ? []
      : ['let preauth find the imapd and the mail: commands.imap = "auto"']),
    ...(mail.hasDovecot
      ? [`for Dovecot to open that mail: commands.imap = ${JSON.stringify(dovecotLine(store))}`]
      : ["have commands.imap start an imapd that opens that mail"]),
  ];
  const objection = new Failure("table", server, `INBOX is new and empty, while ${places}`, { hints });
  return { note: undefined, objection };
}

/** A line for Dovecot 2.3 and 2.4: each leaves aside the words of the other. A tilde might not be the home for 2.4. */
function dovecotLine({ kind, path }: MailStore): string {
  const place = quoted(path);
  const settings =
    kind === "maildir"
      ? [
          `mail_location=maildir:${place}`,
          "mail_driver=maildir",
          `mail_path=${place}`,
          `mail_inbox_path=${place}`,
        ]
      : [
          ...[`mail_location=mbox:$HOME/mail:INBOX=${place}`, "mail_driver=mbox", "mail_path=$HOME/mail"],
          ...[`mail_inbox_path=${place}`, "mail_privileged_group=", "mbox_write_locks=fcntl"],
        ];
  return `exec doveadm exec imap ${settings.map((setting) => `-o ${setting}`).join(" ")}`;
}
