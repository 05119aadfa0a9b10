import { Failure } from "../failure.ts";
import type { ConfigAnswers } from "./ssh_config.ts";

/** What would lead elsewhere, or trust less, and cannot be followed: better no connection than another one. */
const REFUSED: readonly (readonly [key: string, name: string])[] = [
  ["bindaddress", "BindAddress"],
  ["bindinterface", "BindInterface"],
];

/** Throws a Failure when ssh_config asks for something that would have to be ignored, but must not be. */
export function refuseWhatIsMissing(server: string, answers: ConfigAnswers): void {
  for (const [key, name] of REFUSED) {
    const value = answers.get(key)?.[0];
    if (value === undefined || value.toLowerCase() === "none") continue;
    throw new Failure("table", server, `ssh_config says "${name} ${value}", which is not supported`, {
      hints: [`leave ${name} out for this host, or give it an ssh_config of its own in the table`],
    });
  }
}
