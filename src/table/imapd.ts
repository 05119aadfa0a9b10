import type { Command } from "./decision.ts";

/** Where an imapd is looked for, in this order; `imapd` on PATH comes after the first. */
const FIRST = "/etc/rimapd";
const IMAPDS = ["~/bin/imapd", "/usr/sbin/imapd", "/usr/local/sbin/imapd"];
/** Dovecot keeps its IMAP server, `imap`, off PATH: Debian in /usr/lib, others in libexec. */
const DOVECOTS = ["/usr/libexec/dovecot/imap", "/usr/lib/dovecot/imap", "/usr/local/libexec/dovecot/imap"];

const TOLD = [FIRST, "imapd on PATH", ...IMAPDS, ...DOVECOTS].join(", ");

/** How the search begins what it says of itself. */
const OWN_WORDS = /^no (?:imapd was found|\S+ is) on the server\b/;

/**
 * Where the mail is, for Dovecot 2.3 and 2.4: each leaves aside the words of the other. Not with a tilde, which is
 * mail_home for 2.4: Debian's is /home/USER, wherever the user lives.
 */
const MAILDIR = ["mail_location=maildir:", "mail_driver=maildir -o mail_path=", "mail_inbox_path="]
  .map((setting) => `-o ${setting}"$HOME/Maildir"`)
  .join(" ");

/** The same for a file of mbox form, which the script has as $use. */
const MBOX = [
  `mail_location=mbox:"$HOME/mail:INBOX=$use"`,
  `mail_driver=mbox -o mail_path="$HOME/mail"`,
  `mail_inbox_path="$use" -o mailbox_list_layout=fs`,
]
  .map((setting) => `-o ${setting}`)
  .join(" ");

/**
 * Prints the directory that Dovecot's configuration keeps mail in, where it does. 2.3 has it in one setting, 2.4 in two,
 * of which doveconf prints the driver first.
 */
const CONFIGURED = [
  "doveconf mail_location mail_driver mail_path 2>/dev/null | while read -r key is value",
  `do case "$key $value" in ("mail_driver "maildir|"mail_driver "[sm]dbox) kind=$value;; ` +
    `("mail_location "maildir:*|"mail_location "[sm]dbox:*) value=\${value#*:}; echo "\${value%%:*}";; ` +
    `("mail_path "*) [ -z "$kind" ] || echo "$value";; esac`,
  "done | head -n 1",
].join("; ");

/**
 * What a Dovecot needs to know, at least one of Debian's. A group for the mail is a setting for root, and dotlocks in
 * /var/mail are for whoever may write there: with either of them INBOX is read-only. Mail that is there is opened, before
 * Dovecot makes a directory that its configuration names. Where that has INBOX in /var/mail, and no mail is there, the
 * Maildir or ~/mbox that is there is meant; a mailbox that nobody but root can make is the reason why it ends.
 */
const DOVECOT = [
  "box=/var/mail/$USER",
  "[ -d /var/mail ] || box=/var/spool/mail/$USER",
  `spool=\${box%/*}`,
  "set -- -o mail_privileged_group=",
  `[ -w "$spool" ] || set -- "$@" -o mbox_write_locks=fcntl`,
  `[ "$HOME" = "/home/$USER" ] || case "$(doveconf mail_home 2>/dev/null)" in ` +
    `(*"= /home/%{user"*) set -- "$@" -o mail_home="$HOME";; esac`,
  `mail= use=`,
  `for file in ~/mbox "$box"; do if [ -s "$file" ]; then mail=$file; fi; done`,
  `place=$(kind=; ${CONFIGURED})`,
  `case "$place" in ("~/"*|"%h/"*|"%{home}/"*) place=$HOME/\${place#*/};; (*%*) place=;; (/*) ;; (*) place=;; esac`,
  `[ -z "$place" ] || [ -d "$place" ] || use=$mail`,
  `if [ -s "$box" ]; then [ -w "$box" ] || echo "$USER may not write $box: it can only be read" >&2; ` +
    `elif [ -z "$use" ]; then case "$(doveconf mail_location mail_inbox_path 2>/dev/null)" in ` +
    `(*INBOX="$spool/%"*|*mail_inbox_path*"= $spool/%"*) if [ -d ~/Maildir/cur ]; then set -- "$@" ${MAILDIR}; ` +
    `elif [ -f "$box" ] || [ -w "$spool" ]; then :; elif [ "$mail" ]; then use=$mail; ` +
    `else echo "no $box is on the server, and $USER may not make it: ask the administrator for it, ` +
    `or have commands.imap in hosts.toml name the place of the mail" >&2; exit 69; fi;; esac; fi`,
  `[ -z "$use" ] || set -- "$@" ${MBOX}`,
].join("; ");

/** What comes before each word of an imapd that was found. */
export const FOUND = "preauth-found";

/** `found`: what becomes of the imapd and its words. */
const scriptFor = (found: string): string =>
  [
    // Dovecot 2.4 keeps of the environment only what it is told to.
    `export DOVECOT_PRESERVE_ENVS="USER HOME TZ"`,
    `for imapd in ${FIRST} "$(command -v imapd)" ${[...IMAPDS, ...DOVECOTS].join(" ")}`,
    `do [ -f "$imapd" ] || continue`,
    `[ -x "$imapd" ] || { barred=$imapd; continue; }`,
    // /etc/rimapd may be a link to it.
    `case "$imapd $(readlink -f "$imapd" 2>/dev/null)" in (*/dovecot/imap) ${DOVECOT};; esac`,
    found,
    "done",
    `echo "no imapd was found on the server\${barred:+ that $USER may start, only $barred}: ` +
      `have commands.imap in hosts.toml name one (looked for ${TOLD})" >&2`,
    "exit 127",
  ].join("; ");

/**
 * sshd(8) gives the line to the login shell, which may be csh or fish. What they all read alike is a text in
 * single quotes with no quote, backslash, exclamation mark or newline in it.
 */
const SEARCH = `exec /bin/sh -c '${scriptFor('exec "$imapd" "$@"')}'`;

/** The same search, which becomes nothing, but prints the words of the imapd, each in a line behind FOUND. */
export function imapdSearch(): string {
  const print = `for word in "$imapd" "$@"; do echo "${FOUND} $word"; done; exit 0`;
  return `exec /bin/sh -c '${scriptFor(print)}'`;
}

/**
 * What to ask the server to run: the table's line as it is, or a line that searches for an imapd and becomes
 * it. A search in vain says on stderr where it looked, and exits 127 as a shell does.
 */
export function remoteCommandLine(command: Command): string {
  return command.kind === "line" ? command.line : SEARCH;
}

/** Whether a line of the server's standard error is the search's, and says what is wrong. */
export function isOfSearch(line: string): boolean {
  return OWN_WORDS.test(line);
}
