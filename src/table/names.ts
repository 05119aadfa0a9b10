import { byteLength } from "../utf8.ts";
import { hasAny, hasControl, span } from "./characters.ts";

/**
 * What a server, a user and a METHOD may be called. Server and user follow valid_hostname() and valid_ruser()
 * in OpenSSH's ssh.c, with a length; spaces and control characters are those of ASCII, as ssh(1) sees bytes.
 */

/** Longer than any DNS name (RFC 1035 section 2.3.4) and than any login name of a Unix system. */
const LONGEST = 255;

// Shell metacharacters: ssh_config's Match exec and ProxyCommand can put either name into a shell's line.
const NOT_IN_HOSTNAME = "'`\"$\\;&<>|(){}, ";
const NOT_IN_USER = "'`\";&<>|(){}";

const METHOD_LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789-";

/** Whether ssh(1) would take it as a destination: a host name, an address, or an alias of ssh_config. */
export function isHostname(text: string): boolean {
  return isWord(text) && !hasAny(text, NOT_IN_HOSTNAME);
}

/** Whether ssh(1) would take it as a login name. */
export function isUser(text: string): boolean {
  return isWord(text) && !hasAny(text, NOT_IN_USER) && !text.includes(" -") && !text.endsWith("\\");
}

/** Whether it can be the METHOD of /etc/rMETHODd: "imap", "smtp". */
export function isMethod(text: string): boolean {
  return (
    text !== "" && text.length <= 32 && !text.startsWith("-") && span(text, METHOD_LETTERS) === text.length
  );
}

/** Whether it is neither empty nor an option nor too long (in bytes of UTF-8), and has no control character. */
function isWord(text: string): boolean {
  return text !== "" && !text.startsWith("-") && byteLength(text) <= LONGEST && !hasControl(text);
}
