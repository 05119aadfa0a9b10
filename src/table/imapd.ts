import type { Command } from "./decision.ts";
import { DOVECOT } from "./dovecot.ts";

/** Where an imapd is looked for, in this order; `imapd` on PATH comes after the first. */
const FIRST = "/etc/rimapd";
const IMAPDS = ["~/bin/imapd", "/usr/sbin/imapd", "/usr/local/sbin/imapd"];
/** Dovecot keeps its IMAP server, `imap`, off PATH: Debian in /usr/lib, others in libexec. */
const DOVECOTS = ["/usr/libexec/dovecot/imap", "/usr/lib/dovecot/imap", "/usr/local/libexec/dovecot/imap"];

const TOLD = [FIRST, "imapd on PATH", ...IMAPDS, ...DOVECOTS].join(", ");

/** How the search begins what it says of itself. */
const OWN_WORDS = /^no (?:imapd was found|\S+ is) on the server\b/;

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
