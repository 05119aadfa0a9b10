import { Failure } from "../../failure.ts";
import { KNOWN_HOSTS_COMMAND } from "../../target/known_hosts_command.ts";
import { capture } from "../../target/run_program.ts";
import type { Target } from "../../target/target.ts";
import { type KnownHost, parseKnownHosts } from "./known_hosts.ts";

/** The keys that the command prints. Throws a Failure when it fails, as ssh(1) ends then; or the signal's reason. */
export async function askKnownHosts(
  { server, knownHostsCommand }: Target,
  signal: AbortSignal,
): Promise<readonly KnownHost[]> {
  const [program, ...words] = knownHostsCommand.value ?? [];
  if (program === undefined) return [];
  const ran = await capture(program, words, { signal }).catch((error: NodeJS.ErrnoException) => {
    signal.throwIfAborted();
    throw new Failure("table", server, `${KNOWN_HOSTS_COMMAND} "${program}" cannot be run (${error.code})`, {
      cause: error,
    });
  });
  if (ran?.status === 0) return parseKnownHosts(ran.stdout, KNOWN_HOSTS_COMMAND);
  const what = ran === undefined ? "is not there" : `ended with ${ran.status}`;
  const said = ran?.stderr[0] === undefined ? "" : `: "${ran.stderr[0]}"`;
  throw new Failure("table", server, `${KNOWN_HOSTS_COMMAND} "${program}" ${what}${said}`);
}
