import { Failure } from "../failure.ts";
import { quoted } from "../shell_word.ts";
import type { Decision } from "../table/decision.ts";
import { destinationOf } from "./ask_ssh.ts";

/** A keyword of ssh_config with a value that cannot be followed. `ssh -G` does not tell the line it is in. */
export function unsupported(decision: Decision, name: string, value: string): Failure {
  const source = decision.sshConfig?.value ?? "ssh_config";
  const destination = quoted(destinationOf(decision));
  return new Failure("table", decision.server, `${source} says "${name} ${value}", which is not supported`, {
    hints: [
      ...(decision.sshConfig === undefined ? [`find the file that sets it: ssh -vG ${destination}`] : []),
      `leave ${name} out for this host, or give it its own ssh_config in the table`,
    ],
  });
}
