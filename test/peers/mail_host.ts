import { chmodSync, chownSync, cpSync, existsSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { program } from "./programs.ts";
import { type Sshd, startSshd } from "./sshd.ts";
import { makeTemporary, removeTemporary } from "./temporary.ts";

/** Debian's releases that set-up has unpacked: the first has Dovecot 2.3 and Courier, the second Dovecot 2.4. */
export type Release = "bookworm" | "trixie";
export const RELEASES: readonly Release[] = ["bookworm", "trixie"];

/** What a mail host has beside its packages, whose configuration is as they bring it. */
export interface MailHostOptions {
  /** Lines for the end of Dovecot's configuration. */
  readonly dovecot?: string;
  /** Whether /var/mail/jane is there, with this many messages. Nobody but root may make files beside it. */
  readonly spool?: number;
  /** Mode of that file; default: jane may write it. */
  readonly spoolMode?: number;
  /** Messages in ~/Maildir, or in another folder of the home. */
  readonly maildir?: number;
  readonly folder?: string;
  /** Files below the home, each with its mode: `{ "bin/imapd": ["#!/bin/sh...", 0o755] }`. */
  readonly files?: Readonly<Record<string, readonly [text: string, mode: number]>>;
  /** jane's home on the server; default: /home/jane. */
  readonly home?: string;
  /** In front of sshd's own PATH. */
  readonly path?: string;
  /** Mode of Dovecot's configuration; default: everybody may read it. */
  readonly configurationMode?: number;
  /** Mode of Dovecot's imap, where not everybody may start it. */
  readonly imapMode?: number;
  /** Words in front of its sshd, such as those that give it a network of its own. */
  readonly under?: readonly string[];
}

/** An sshd that leads jane (uid 12345) into another Debian, with a home and a /var/mail of its own. */
export interface MailHost extends AsyncDisposable {
  readonly sshd: Sshd;
  /** Every file below jane's home and in /var/mail, as "home/Maildir/cur/...", but not Dovecot's own. */
  files(): readonly string[];
}

const JANE = 12345;
const MAIL_GROUP = 8;

function rootOf(release: Release): string {
  return fileURLToPath(new URL(`../.cache/${release}`, import.meta.url));
}

/** For the `skip` of a test that needs them. In CI nothing is skipped: it throws. */
export function skipWithoutMailHosts(): string | false {
  const isRoot = process.getuid?.() === 0;
  if (isRoot && RELEASES.every((release) => existsSync(rootOf(release)))) return false;
  const reason = isRoot ? "no mail hosts: node test/setup.mjs" : "only root can lead into another root";
  if (isRoot && process.env.CI === "true") throw new Error(reason);
  return reason;
}

/** Starts one. */
export async function startMailHost(release: Release, options: MailHostOptions = {}): Promise<MailHost> {
  const folder = makeTemporary();
  const root = rootOf(release);
  const home = join(folder, "home");
  const spool = join(folder, "mail");
  const write = (file: string, text: string, mode = 0o600): void => {
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, text);
    chmodSync(file, mode);
  };
  const dovecot = join(folder, "dovecot");
  cpSync(join(root, "etc/dovecot"), dovecot, { recursive: true });
  writeFileSync(join(dovecot, "local.conf"), options.dovecot ?? "");
  chmodSync(join(dovecot, "dovecot.conf"), options.configurationMode ?? 0o644);
  mkdirSync(home);
  for (const [name, [text, mode]] of Object.entries(options.files ?? {})) write(join(home, name), text, mode);
  if (options.maildir !== undefined) makeMaildir(join(home, options.folder ?? "Maildir"), options.maildir);
  chownAll(home);
  makeSpool(spool, options.spool, options.spoolMode);
  chmodSync(folder, 0o755);
  const imap = "usr/lib/dovecot/imap";
  const mounts = [
    ...[
      [home, (options.home ?? "/home/jane").slice(1)],
      [spool, "var/mail"],
      [dovecot, "etc/dovecot"],
      ["/dev", "dev"],
    ].map(([from, to]) => `mount --rbind ${from} ${root}/${to}`),
    ...(options.imapMode === undefined
      ? []
      : [barred(join(folder, "imap"), join(root, imap), options.imapMode)]),
  ];
  const own = options.path === undefined ? "" : `${options.path}:`;
  // What sshd(8) sets, on Debian.
  const environment = `USER=jane LOGNAME=jane HOME=${options.home ?? "/home/jane"} MAIL=/var/mail/jane SHELL=/bin/sh`;
  const inside = `env -i ${environment} PATH=${own}/usr/local/bin:/usr/bin:/bin:/usr/games /bin/sh -c 'cd; exec /bin/sh "$@"' sh "$@"`;
  const shell = join(folder, "shell");
  const script = `${mounts.join(" && ")} && exec chroot --userspec=${JANE}:${JANE} --groups= ${root} ${inside}`;
  write(`${shell}.inside`, `#!/bin/sh\n${script}\n`, 0o755);
  const apart = `${program("unshare")} --mount --propagation private`;
  write(shell, `#!/bin/sh\nexec ${apart} ${shell}.inside "$@"\n`, 0o755);
  const sshd = await startSshd({ shell, ...(options.under && { under: options.under }) });
  return {
    sshd,
    files: () =>
      ["home", "mail"]
        .flatMap((name) => below(folder, name))
        .filter((name) => !/\/dovecot[^/]*$/.test(name))
        .sort(),
    [Symbol.asyncDispose]: async () => {
      await sshd.stop();
      removeTemporary(folder);
    },
  };
}

function barred(copy: string, real: string, mode: number): string {
  cpSync(real, copy);
  chmodSync(copy, mode);
  return `mount --bind ${copy} ${real}`;
}

function makeMaildir(maildir: string, messages: number): void {
  for (const name of ["cur", "new", "tmp"]) mkdirSync(join(maildir, name), { recursive: true });
  for (let n = 1; n <= messages; n++)
    writeFileSync(join(maildir, "cur", `170000000${n}.M${n}.test:2,`), letter(n));
}

/** As Debian has it: whoever delivers belongs to the group, and jane does not. */
function makeSpool(folder: string, messages: number | undefined, mode = 0o660): void {
  mkdirSync(folder);
  chownSync(folder, 0, MAIL_GROUP);
  chmodSync(folder, 0o2775);
  if (messages === undefined) return;
  const file = join(folder, "jane");
  const letters = Array.from({ length: messages }, (_, index) => letter(index + 1));
  writeFileSync(file, letters.map((text) => `From joe@isp.com Mon Jan  1 12:00:00 2024\n${text}\n`).join(""));
  chownSync(file, JANE, MAIL_GROUP);
  chmodSync(file, mode);
}

function letter(n: number): string {
  return `From: joe@isp.com\nTo: jane@mail.test\nSubject: Letter ${n}\nMessage-ID: <${n}@isp.com>\n\nHello.\n`;
}

function chownAll(path: string): void {
  chownSync(path, JANE, JANE);
  for (const entry of readdirSync(path, { withFileTypes: true })) {
    if (entry.isDirectory()) chownAll(join(path, entry.name));
    else chownSync(join(path, entry.name), JANE, JANE);
  }
}

function below(folder: string, name: string): readonly string[] {
  return readdirSync(join(folder, name), { withFileTypes: true }).flatMap((entry) => {
    const path = join(name, entry.name);
    return entry.isDirectory() ? [path, ...below(folder, path)] : [path];
  });
}
