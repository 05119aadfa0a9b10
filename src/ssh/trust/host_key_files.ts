import type { Note } from "../../report/note.ts";
import type { Target } from "../../target/target.ts";
import { readRegular, readRegularBytes } from "../keys/regular_file.ts";
import { type KnownHost, parseKnownHosts } from "./known_hosts.ts";
import { type AskingKnownHosts, askingAbout, askKnownHosts } from "./known_hosts_command.ts";
import { parseRevokedKeys, type RevokedKeys, uselessKeys } from "./revoked_keys.ts";

/** All that is written down about the keys of hosts. */
export interface HostKeyFiles {
  readonly entries: readonly KnownHost[];
  readonly revoked: readonly RevokedKeys[];
  /** Asks for what else is known once a key has been shown; undefined where that is all. */
  readonly askAbout?: ((offered: Buffer) => Promise<readonly KnownHost[]>) | undefined;
  /** What is said before that; as for ssh(1), it decides only on the order of the algorithms. */
  readonly expected?: readonly KnownHost[];
}

/**
 * Reads the target's known_hosts files and those of RevokedHostKeys, and asks KnownHostsCommand. Throws a Failure when
 * the command fails, or the signal's reason.
 */
export async function readHostKeyFiles(target: Target, options: AskingKnownHosts): Promise<HostKeyFiles> {
  const { note } = options;
  const known = target.knownHosts.value.map((path) => readKnownHosts(path, note));
  const [files, said, revoked] = await Promise.all([
    Promise.all(known),
    askKnownHosts(target, options),
    Promise.all(target.revokedHostKeys.value.map(readRevokedKeys)),
  ]);
  const askAbout = askingAbout(target, options);
  if (askAbout === undefined) return { entries: [...files.flat(), ...said], revoked };
  return { entries: files.flat(), revoked, askAbout, expected: said };
}

/** As for ssh(1), a file that cannot be read holds nothing; that is noted. */
async function readKnownHosts(path: string, note: Note): Promise<readonly KnownHost[]> {
  try {
    return parseKnownHosts((await readRegular(path)).text, path);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== "ENOENT") note(`${path}: cannot be read (${code}): no host key of it counts`);
    return [];
  }
}

/** ssh_config(5): with a file that does not exist or cannot be read, host authentication is refused for all hosts. */
async function readRevokedKeys(path: string): Promise<RevokedKeys> {
  try {
    return parseRevokedKeys((await readRegularBytes(path)).bytes, path);
  } catch (error) {
    return uselessKeys(path, `cannot be read (${(error as NodeJS.ErrnoException).code})`);
  }
}
