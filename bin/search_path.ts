/**
 * Takes the empty and the relative entries out of PATH, for this program and all that it starts: with one of them, who
 * can write to the directory that a mail client happens to be started in would have a program of theirs run as ssh. Where
 * none is left there is no PATH at all: an empty one is that directory (execvp(3)), without one the system's is meant.
 * So it is with a SHELL that is no whole path: ssh(1) runs a `Match exec` with it, and /bin/sh without. And with what names
 * helpers and libraries: a file of OpenSSL's settings may have it load a library.
 */
export function passOverRelative(env: NodeJS.ProcessEnv): void {
  const { PATH = "" } = env;
  if (!isAbsolute(PATH)) {
    const absolute = PATH.split(":").filter((entry) => entry.startsWith("/"));
    if (absolute.length > 0) env.PATH = absolute.join(":");
    else delete env.PATH;
  }
  if (env.SHELL?.startsWith("/") !== true) delete env.SHELL;
  for (const name of LEADING) if (leadsAstray(env[name])) delete env[name];
}

/** What ssh(1) and ssh-keygen(1) run or load beside themselves: ENVIRONMENT of ssh(1), and openssl-env(7). */
const LEADING = [
  ...["SSH_SK_HELPER", "SSH_PKCS11_HELPER", "SSH_SK_PROVIDER"],
  ...["OPENSSL_CONF", "OPENSSL_MODULES", "OPENSSL_ENGINES"],
];

/** "internal" is a provider, too. */
function leadsAstray(value: string | undefined): boolean {
  return value !== undefined && value !== "" && !value.startsWith("/") && value !== "internal";
}

/** Whether every entry is; by hand, since to filter and to write to the environment costs each call 0.3 ms. */
function isAbsolute(path: string): boolean {
  for (let at = 0; path[at] === "/"; ) {
    const colon = path.indexOf(":", at);
    if (colon === -1) return true;
    at = colon + 1;
  }
  return false;
}
