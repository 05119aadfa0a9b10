import { Failure } from "../../failure.ts";
import type { Note } from "../../report/note.ts";
import { KNOWN_HOSTS_COMMAND } from "../../target/known_hosts_command.ts";
import { runProgram } from "../../target/run_program.ts";
import type { Target } from "../../target/target.ts";
import { fingerprint, typeOf } from "../keys/blob.ts";
import { readHostCertificate } from "./host_certificate.ts";
import { type KnownHost, parseKnownHosts } from "./known_hosts.ts";

/** As much as it may print, in bytes: ssh(1) has no limit, and this holds some hundred thousand hosts. */
const LONGEST = 64 * 1024 * 1024;

/** What asking it needs. */
export interface AskingKnownHosts {
  readonly signal: AbortSignal;
  readonly note: Note;
  /** Its environment, which is the caller's. */
  readonly env: Readonly<Record<string, string | undefined>>;
}

/**
 * The keys that the command prints when it is run with these words; none, and a word about it, where there is no such
 * program. Throws a Failure when it fails, as ssh(1) ends then; or the signal's reason.
 */
async function run(
  server: string,
  [program, ...words]: readonly string[],
  { signal, note, env }: AskingKnownHosts,
): Promise<readonly KnownHost[]> {
  if (program === undefined) return [];
  const options = { signal, env, longest: LONGEST };
  const ran = await runProgram(program, words, options).catch((error: NodeJS.ErrnoException) => {
    signal.throwIfAborted();
    const what = `${KNOWN_HOSTS_COMMAND} "${program}" cannot be run (${error.code})`;
    throw new Failure("table", server, what, { cause: error });
  });
  if (ran === undefined) {
    note(`${server}: ${KNOWN_HOSTS_COMMAND} "${program}" does not exist: ignored`);
    return [];
  }
  if (ran.status === 0) return parseKnownHosts(ran.stdout, KNOWN_HOSTS_COMMAND);
  const said = ran.stderr[0] === undefined ? "" : `: "${ran.stderr[0]}"`;
  throw new Failure("table", server, `${KNOWN_HOSTS_COMMAND} "${program}" ended with ${ran.status}${said}`);
}

/**
 * What the command has to say before the server has shown a key. Where it is asked about that key as well, this decides only
 * on the order of the algorithms, so that its failure is but noted: ssh(1) does not ask for an order when HostKeyAlgorithms
 * gives one, which a command for keys alone counts on. Throws as run() does otherwise.
 */
export async function askKnownHosts(
  { server, knownHostsCommand }: Target,
  options: AskingKnownHosts,
): Promise<readonly KnownHost[]> {
  const { words = [], about } = knownHostsCommand.value ?? {};
  return run(server, words, options).catch((error: unknown) => {
    if (about === undefined || !(error instanceof Failure)) throw error;
    options.note(`${error.message}: ignored until the server has shown a key`);
    return [];
  });
}

/** Asks the command about a key or certificate, and throws as run() does; undefined where that would be the same. */
export function askingAbout(
  { server, knownHostsCommand }: Target,
  options: AskingKnownHosts,
): ((offered: Buffer) => Promise<readonly KnownHost[]>) | undefined {
  const { about } = knownHostsCommand.value ?? {};
  return (
    about &&
    ((offered) => {
      // sshkey_fingerprint(): of the key in a certificate.
      const key = readHostCertificate(offered)?.key ?? offered;
      const shown = {
        type: typeOf(offered),
        fingerprint: fingerprint(key),
        text: offered.toString("base64"),
      };
      return run(server, about(shown), options);
    })
  );
}
