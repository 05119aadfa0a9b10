import { join } from "node:path";
import type { Key, KeyType } from "./keys.ts";
import type { RecentSshd } from "./recent_sshd.ts";

/** How an sshd of one's own differs from a plain one. */
export interface SshdOptions {
  /** One of OpenSSH 9.9 or later, of recentSshd(); default the installed one. */
  readonly program?: RecentSshd | undefined;
  /** Words in front of it, such as those that have it run in another network namespace. */
  readonly under?: readonly string[];
  /** Addresses to listen on; default 127.0.0.1. */
  readonly listen?: readonly string[];
  /** Types of its host keys, in the order of the configuration; default ed25519. */
  readonly hostKeys?: readonly KeyType[];
  /** Type of the key that may log in; default ed25519. */
  readonly clientKey?: KeyType;
  /** More lines of authorized_keys. */
  readonly authorized?: readonly string[];
  /** What stands before the key in authorized_keys: `command="..."`. */
  readonly keyOptions?: string;
  /** authorized_keys below $HOME, where accounts have it; default: elsewhere. */
  readonly keysAtHome?: boolean;
  /** More lines of sshd_config, such as `MaxSessions 1`. They come first, and the first value counts. */
  readonly config?: readonly string[];
  /** Files to write into the remote home: `{ ".bashrc": "echo hello\n" }`. */
  readonly files?: Readonly<Record<string, string>>;
  /** The remote login shell, absolute; default the one of the user who runs the test. */
  readonly shell?: string;
  /** More environment of remote commands; no white space in it. */
  readonly environment?: Readonly<Record<string, string>>;
}

/** What one sshd is made of. */
export interface Parts {
  /** Directory of its keys and files. */
  readonly folder: string;
  /** $HOME of remote commands. */
  readonly home: string;
  readonly port: number;
  readonly hostKeys: readonly Key[];
  /** NAME=value in the environment of all that it starts, to find it again. */
  readonly marker: string;
  readonly options: SshdOptions;
}

/** Path of its authorized_keys. */
export function keysFile({ folder, home, options }: Pick<Parts, "folder" | "home" | "options">): string {
  return join(options.keysAtHome === true ? join(home, ".ssh") : folder, "authorized_keys");
}

/** The text of its sshd_config. */
export function configuration({ folder, home, port, hostKeys, marker, options }: Parts): string {
  // sshd_config(5): SetEnv wins over the HOME that sshd itself would set, and only its first line counts.
  const environment = { HOME: home, ...options.environment };
  const settings = Object.entries(environment).map(([name, value]) => `${name}=${value}`);
  return [
    ...(options.config ?? []),
    ...(options.program?.config ?? []),
    ...(options.shell === undefined ? [] : [`ForceCommand exec ${options.shell} -c "$SSH_ORIGINAL_COMMAND"`]),
    ...(options.listen ?? ["127.0.0.1"]).map((host) => `ListenAddress ${host}`),
    `Port ${port}`,
    ...hostKeys.map((key) => `HostKey ${key.path}`),
    `AuthorizedKeysFile ${keysFile({ folder, home, options })}`,
    `SetEnv ${marker} ${settings.join(" ")}`,
    "PermitRootLogin yes",
    "PasswordAuthentication no",
    "KbdInteractiveAuthentication no",
    "UsePAM no",
    "StrictModes no",
    "PermitUserRC no",
    "UseDNS no",
    "PidFile none",
    "LogLevel VERBOSE",
    "",
  ].join("\n");
}
