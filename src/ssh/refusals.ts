import { Failure } from "../failure.ts";
import { quoted } from "../shell_word.ts";
import type { Decision } from "../table/decision.ts";
import { REFUSED } from "./keywords.ts";
import { type ConfigAnswers, destinationOf } from "./ssh_config.ts";

/** Throws a Failure when ssh_config asks for something that would have to be ignored, but must not be. */
export function refuseWhatIsMissing(decision: Decision, answers: ConfigAnswers): void {
  for (const [key, { name }] of Object.entries(REFUSED)) {
    const value = answers.get(key)?.[0];
    if (value !== undefined && value.toLowerCase() !== "none") throw unsupported(decision, name, value);
  }
  const methods = answers.get("preferredauthentications")?.[0]?.split(",") ?? ["publickey"];
  if (/^(no|false)$/.test(answers.get("pubkeyauthentication")?.[0] ?? "") || !methods.includes("publickey")) {
    throw new Failure(
      "auth",
      decision.server,
      "ssh_config turns public key authentication off, and there is no other",
    );
  }
}

/** A keyword of ssh_config with a value that cannot be followed. `ssh -G` does not tell the line it is in. */
export function unsupported(decision: Decision, name: string, value: string): Failure {
  const source = decision.sshConfig?.value ?? "ssh_config";
  const destination = quoted(destinationOf(decision));
  return new Failure("table", decision.server, `${source} says "${name} ${value}", which is not supported`, {
    hints: [
      ...(decision.sshConfig === undefined ? [`see which files say so: ssh -vG ${destination}`] : []),
      `leave ${name} out for this host, or give it an ssh_config of its own in the table`,
    ],
  });
}
