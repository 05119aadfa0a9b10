/**
 * What a server, a user and a METHOD may be called. Server and user follow valid_hostname() and valid_ruser()
 * in OpenSSH's ssh.c, with a length; spaces and control characters are those of ASCII, as ssh(1) sees bytes.
 */

/** Longer than any DNS name (RFC 1035 section 2.3.4) and than any login name of a Unix system. */
const LONGEST = 255;

// Shell metacharacters: ssh_config's Match exec and ProxyCommand can put either name into a shell's line.
const NOT_IN_HOSTNAME = /['`"$\\;&<>|(){},\x00-\x20\x7f]/;
const NOT_IN_USER = /['`";&<>|(){}\x00-\x1f\x7f]| -|\\$/;

/** Whether ssh(1) would take it as a destination: a host name, an address, or an alias of ssh_config. */
export function isHostname(text: string): boolean {
  return isWord(text) && !NOT_IN_HOSTNAME.test(text);
}

/** Whether ssh(1) would take it as a login name. */
export function isUser(text: string): boolean {
  return isWord(text) && !NOT_IN_USER.test(text);
}

/** Whether it can be the METHOD of /etc/rMETHODd: "imap", "smtp". */
export function isMethod(text: string): boolean {
  return /^[a-z0-9][a-z0-9-]{0,31}$/.test(text);
}

/** Whether it is neither empty nor an option nor too long (in bytes of UTF-8). */
function isWord(text: string): boolean {
  return text !== "" && !text.startsWith("-") && Buffer.byteLength(text) <= LONGEST;
}
