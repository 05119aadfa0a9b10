import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { copyFileSync, mkdirSync, writeFileSync } from "node:fs";
import { userInfo } from "node:os";
import { join } from "node:path";
import { freePort } from "../unit/forwards/fixtures.ts";
import { hostKeyName, type Key, makeKey } from "./keys.ts";
import { descendantsOf, signal } from "./processes.ts";
import { findProgram, program } from "./programs.ts";
import { Received } from "./received.ts";
import { makeTemporary, removeTemporary } from "./temporary.ts";
import { within } from "./waiting.ts";

/** A running dropbear, another SSH server than OpenSSH's. */
export interface Dropbear extends AsyncDisposable {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  /** Path of the private key that may log in. */
  readonly identity: string;
  readonly knownHosts: string;
  /** The keys that may log in from now on. */
  admit(keys: readonly Key[]): void;
  log(): string;
}

/** For the `skip` of a test that needs it. In CI nothing is skipped: it throws. */
export function skipWithoutDropbear(): string | false {
  const isRoot = process.getuid?.() === 0;
  if (isRoot && findProgram("dropbear") !== undefined) return false;
  const reason = isRoot ? "no dropbear: node test/setup.mjs" : "only root can give dropbear another home";
  if (isRoot && process.env.CI === "true") throw new Error(reason);
  return reason;
}

/** Starts one; `words` are more of its options. */
export async function startDropbear(words: readonly string[] = []): Promise<Dropbear> {
  const folder = makeTemporary();
  const home = join(folder, "home");
  mkdirSync(join(home, ".ssh"), { recursive: true, mode: 0o700 });
  const authorized = join(home, ".ssh", "authorized_keys");
  const client = makeKey(join(folder, "id"));
  copyFileSync(`${client.path}.pub`, authorized);
  const hostKey = makeKey(join(folder, "host"));
  const converted = join(folder, "host.dropbear");
  execFileSync(program("dropbearconvert"), ["openssh", "dropbear", hostKey.path, converted], {
    stdio: "ignore",
  });
  const port = await freePort();
  const user = userInfo().username;
  const knownHosts = join(folder, "known_hosts");
  writeFileSync(knownHosts, `${hostKeyName("127.0.0.1", port)} ${hostKey.line}\n`);
  // It takes the home from passwd alone: it is given one of its own, which nobody else sees.
  const passwd = join(folder, "passwd");
  writeFileSync(passwd, `${user}:x:0:0::${home}:/bin/sh\n`);
  const own = 'mount --bind "$0" /etc/passwd && exec "$@"';
  const options = ["-F", "-E", "-e", "-s", "-r", converted, "-P", join(folder, "pid")];
  const child = spawn(
    program("setpriv"),
    [
      ...["--pdeathsig", "KILL", program("unshare"), "--mount", "--propagation", "private"],
      ...["sh", "-c", own, passwd, program("dropbear"), ...options, "-p", `127.0.0.1:${port}`, ...words],
    ],
    { stdio: ["ignore", "ignore", "pipe"], cwd: "/" },
  );
  const exited = once(child, "exit");
  const log = new Received(child.stderr, "dropbear's log");
  await log.until(/Not backgrounding/);
  return {
    ...{ host: "127.0.0.1", port, user, identity: client.path, knownHosts },
    admit: (keys) => writeFileSync(authorized, keys.map(({ line }) => `${line}\n`).join("")),
    log: () => log.text,
    [Symbol.asyncDispose]: async () => {
      const pid = child.pid ?? 0;
      for (const one of [pid, ...descendantsOf(pid)]) signal(one, "SIGKILL");
      await within(exited, "dropbear's end", () => log.text);
      removeTemporary(folder);
    },
  };
}
