import { chmodSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { userInfo } from "node:os";
import { dirname, join } from "node:path";
import { processesMarked, signal, wordsOf } from "./processes.ts";
import type { Sshd } from "./sshd.ts";
import { makeTemporary, removeTemporary } from "./temporary.ts";

/** A temporary home of the person who runs the mail client; its end is that of a master, too. */
export interface Home extends Disposable {
  readonly path: string;
  /** All that the program is to see of the environment: HOME, XDG_*, PATH, USER, LOGNAME, LANG. */
  readonly env: Readonly<Record<string, string>>;
  /** Path of hosts.toml, written or not. */
  readonly tableFile: string;
  /** Path of the log, written or not. */
  readonly logFile: string;
  /** Writes hosts.toml, mode 0600 or as given. */
  writeTable(text: string, mode?: number): void;
  /** Writes a file below the home, with its directories, and gives its path. */
  write(name: string, text: string, mode?: number): string;
  /** Makes a symbolic link below the home, and gives its path. */
  link(name: string, target: string): string;
  /** The log so far; empty when there is none. */
  log(): string;
}

/**
 * A home of one's own. ssh takes ~ from passwd and not from $HOME, so the real ~/.ssh matters unless the
 * table says otherwise: tableFor() gives ssh_config, identity and known_hosts for every host.
 */
export function makeHome(): Home {
  const path = makeTemporary();
  const user = userInfo().username;
  const env = {
    HOME: path,
    XDG_CONFIG_HOME: join(path, "config"),
    XDG_STATE_HOME: join(path, "state"),
    XDG_CACHE_HOME: join(path, "cache"),
    XDG_RUNTIME_DIR: join(path, "run"),
    PATH: process.env.PATH ?? "/usr/bin:/bin",
    USER: user,
    LOGNAME: user,
    LANG: "C.UTF-8",
  };
  mkdirSync(env.XDG_RUNTIME_DIR, { mode: 0o700 });
  const tableFile = join(env.XDG_CONFIG_HOME, "preauth", "hosts.toml");
  const logFile = join(env.XDG_STATE_HOME, "preauth", "log");
  const write = (name: string, text: string, mode = 0o600) => {
    const file = join(path, name);
    mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
    writeFileSync(file, text);
    chmodSync(file, mode);
    return file;
  };
  return {
    path,
    env,
    tableFile,
    logFile,
    write,
    writeTable: (text, mode) => void write("config/preauth/hosts.toml", text, mode),
    link: (name, target) => {
      symlinkSync(target, join(path, name));
      return join(path, name);
    },
    log: () => readIfThere(logFile),
    [Symbol.dispose]: () => {
      for (const pid of processesMarked(`HOME=${path}`)) {
        if (wordsOf(pid).includes("--master")) signal(pid, "SIGKILL");
      }
      removeTemporary(path);
    },
  };
}

function readIfThere(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}

/** Keys of a [[host]] that differ from those of tableFor(); undefined leaves the key out. */
export type HostLines = Readonly<Record<string, string | number | boolean | readonly string[] | undefined>>;

/**
 * One [[host]] that leads to an sshd: server, port, user, identity, known_hosts, and nothing of the machine's own
 * ssh_config. `keys` change or add to it, `{ "commands.imap": "exec imapd" }`.
 */
export function tableFor(
  sshd: Pick<Sshd, "host" | "port" | "user" | "identity" | "knownHosts">,
  keys: HostLines = {},
): string {
  return hostTable({
    match: "mail.test",
    server: sshd.host,
    port: sshd.port,
    user: sshd.user,
    identity: sshd.identity,
    known_hosts: sshd.knownHosts,
    ssh_config: "none",
    share: false,
    ...keys,
  });
}

/**
 * A [[host]] with these keys, in TOML (whose basic strings and arrays JSON's are). Its connections are not shared, unless
 * `keys` say so: most tests are about one call.
 */
export function hostTable(keys: HostLines): string {
  const lines = Object.entries({ share: false, ...keys }).filter(([, value]) => value !== undefined);
  return ["[[host]]", ...lines.map(([key, value]) => `${key} = ${JSON.stringify(value)}`), ""].join("\n");
}
