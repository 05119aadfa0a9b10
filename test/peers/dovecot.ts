import { chmodSync, chownSync, lchownSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { userInfo } from "node:os";
import { join } from "node:path";
import { program } from "./programs.ts";
import { makeTemporary, removeTemporary } from "./temporary.ts";

/** A message of the sample Maildir. */
interface Message {
  readonly subject: string;
  readonly body: string;
}

export interface MailboxOptions {
  /** Default: three messages. */
  readonly inbox?: readonly Message[];
  /** The second folder, "Archive"; default: two messages. */
  readonly archive?: readonly Message[];
  /** Adds a last message to INBOX with a body of this many MiB. */
  readonly large?: number;
}

/** A Maildir and the command that serves it. */
export interface Mailbox extends Disposable {
  /** For `commands.imap` of the table: Dovecot's imap, logged in, without a running server. */
  readonly command: string;
  /** Words of the same, to be started without a shell. */
  readonly argv: readonly string[];
  /** $HOME of that imap; the Maildir is below it. */
  readonly path: string;
  /** Subjects of INBOX in order. */
  readonly subjects: readonly string[];
  /** Puts another message into INBOX (or the folder), as a delivery would. */
  deliver(message: Message, folder?: "Archive"): void;
}

const INBOX: readonly Message[] = [
  { subject: "Welcome aboard", body: "This message came through an SSH connection.\n" },
  { subject: "Minutes of the meeting", body: "Present: everybody.\nDecided: nothing.\n" },
  { subject: "The key to the shed", body: "It hangs where it always hangs.\n" },
];

const ARCHIVE: readonly Message[] = [
  { subject: "Winter tyres", body: "They are in the cellar.\n" },
  { subject: "Old addresses", body: "None of them is right any more.\n" },
];

/** Dovecot's imap refuses to run as root, so root's mail belongs to a number that needs no account. */
const NOBODY = 12345;
const SIZE = 1024 * 1024;

/** Makes a Maildir with its messages. The directory is readable by all, as sshd's user may be another. */
export function makeMailbox(options: MailboxOptions = {}): Mailbox {
  const path = makeTemporary();
  const inbox = [...(options.inbox ?? INBOX)];
  if (options.large !== undefined) inbox.push(largeMessage(options.large));
  const archive = options.archive ?? ARCHIVE;
  const maildir = join(path, "Maildir");
  const asRoot = process.getuid?.() === 0;
  let delivered = 0;

  const deliver = (message: Message, folder?: "Archive") => {
    const target = join(folder === undefined ? maildir : join(maildir, `.${folder}`), "cur");
    // Maildir: the name is unique, and ":2," introduces the flags (none: unread).
    const file = join(target, `${1_700_000_000 + delivered}.M${delivered}.test:2,`);
    writeFileSync(file, render(message, delivered++));
    if (asRoot) chownSync(file, NOBODY, NOBODY);
  };

  for (const base of [maildir, join(maildir, ".Archive")]) {
    for (const name of ["cur", "new", "tmp"]) mkdirSync(join(base, name), { recursive: true });
  }
  writeFileSync(join(path, "dovecot.conf"), "mail_location = maildir:~/Maildir\nssl = no\n");
  for (const message of inbox) deliver(message);
  for (const message of archive) deliver(message, "Archive");
  const argv = commandWords(path, asRoot);
  const script = join(path, "imapd");
  writeFileSync(script, `#!/bin/sh\ncd ${path} && exec ${argv.join(" ")}\n`, { mode: 0o755 });
  chmodSync(path, 0o755);
  if (asRoot) chownAll(path);

  return {
    path,
    argv,
    // Understood alike by sh, csh and fish.
    command: `exec ${script}`,
    subjects: inbox.map((message) => message.subject),
    deliver,
    [Symbol.dispose]: () => removeTemporary(path),
  };
}

function commandWords(path: string, asRoot: boolean): string[] {
  const owner = [`--reuid=${NOBODY}`, `--regid=${NOBODY}`, "--clear-groups"];
  const user = asRoot ? "jane" : userInfo().username;
  return [
    ...(asRoot ? [program("setpriv"), ...owner] : []),
    ...["env", "-i", `USER=${user}`, `HOME=${path}`, "PATH=/usr/bin:/bin"],
    ...[program("imap"), "-c", join(path, "dovecot.conf")],
  ];
}

function largeMessage(mebibytes: number): Message {
  const line = `${"0123456789".repeat(6)}abcdefghijklmno\n`;
  return { subject: "A large one", body: line.repeat(Math.ceil((mebibytes * SIZE) / line.length)) };
}

function render({ subject, body }: Message, index: number): string {
  const minute = String(index % 60).padStart(2, "0");
  return [
    "From: Joe Example <joe@mail.test>",
    "To: Jane Example <jane@mail.test>",
    `Subject: ${subject}`,
    `Date: Mon, 01 Jan 2024 12:${minute}:00 +0000`,
    `Message-ID: <${index}@mail.test>`,
    "MIME-Version: 1.0",
    "Content-Type: text/plain; charset=us-ascii",
    "",
    body,
  ].join("\n");
}

function chownAll(path: string): void {
  lchownSync(path, NOBODY, NOBODY);
  for (const entry of readdirSync(path, { withFileTypes: true })) {
    const below = join(path, entry.name);
    if (entry.isDirectory()) chownAll(below);
    else lchownSync(below, NOBODY, NOBODY);
  }
}
