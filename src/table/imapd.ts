import type { Command } from "./decision.ts";

/** Where an imapd is looked for, in this order; `imapd` on PATH comes after the first. */
const FIRST = "/etc/rimapd";
const IMAPDS = ["~/bin/imapd", "/usr/sbin/imapd", "/usr/local/sbin/imapd"];
/** Dovecot keeps its IMAP server, `imap`, off PATH: Debian in /usr/lib, others in libexec. */
const DOVECOTS = ["/usr/libexec/dovecot/imap", "/usr/lib/dovecot/imap", "/usr/local/libexec/dovecot/imap"];

const TOLD = [FIRST, "imapd on PATH", ...IMAPDS, ...DOVECOTS].join(", ");

const SCRIPT = [
  `for imapd in ${FIRST} "$(command -v imapd)" ${[...IMAPDS, ...DOVECOTS].join(" ")}`,
  `do [ -f "$imapd" ] && [ -x "$imapd" ] && exec "$imapd"`,
  "done",
  `echo "no imapd: looked for ${TOLD}; name one with commands.imap in hosts.toml" >&2`,
  "exit 127",
].join("; ");

/**
 * sshd(8) gives the line to the login shell, which may be csh or fish. What they all read alike is a text in
 * single quotes with no quote, backslash, exclamation mark or newline in it.
 */
const SEARCH = `exec /bin/sh -c '${SCRIPT}'`;

/**
 * What to ask the server to run: the table's line as it is, or a line that searches for an imapd and becomes
 * it. A search in vain says on stderr where it looked, and exits 127 as a shell does.
 */
export function remoteCommandLine(command: Exclude<Command, { kind: "port" }>): string {
  return command.kind === "line" ? command.line : SEARCH;
}
