import { Failure } from "../../failure.ts";
import type { Note } from "../../report/note.ts";
import { KNOWN_HOSTS_COMMAND } from "../../target/known_hosts_command.ts";
import { runProgram } from "../../target/run_program.ts";
import type { Target } from "../../target/target.ts";
import { type KnownHost, parseKnownHosts } from "./known_hosts.ts";

/** What asking it needs. */
export interface AskingKnownHosts {
  readonly signal: AbortSignal;
  readonly note: Note;
  /** Its environment, which is the caller's. */
  readonly env: Readonly<Record<string, string | undefined>>;
}

/**
 * The keys that the command prints; none, and a word about it, where there is no such program. Throws a Failure when it
 * fails, as ssh(1) ends then; or the signal's reason.
 */
export async function askKnownHosts(
  { server, knownHostsCommand }: Target,
  { signal, note, env }: AskingKnownHosts,
): Promise<readonly KnownHost[]> {
  const [program, ...words] = knownHostsCommand.value ?? [];
  if (program === undefined) return [];
  const ran = await runProgram(program, words, { signal, env }).catch((error: NodeJS.ErrnoException) => {
    signal.throwIfAborted();
    throw new Failure("table", server, `${KNOWN_HOSTS_COMMAND} "${program}" cannot be run (${error.code})`, {
      cause: error,
    });
  });
  if (ran === undefined) {
    note(`${server}: ${KNOWN_HOSTS_COMMAND} "${program}" does not exist: passed over`);
    return [];
  }
  if (ran.status === 0) return parseKnownHosts(ran.stdout, KNOWN_HOSTS_COMMAND);
  const said = ran.stderr[0] === undefined ? "" : `: "${ran.stderr[0]}"`;
  throw new Failure("table", server, `${KNOWN_HOSTS_COMMAND} "${program}" ended with ${ran.status}${said}`);
}
