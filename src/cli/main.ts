import { serveMail } from "../call/mail_call.ts";
import { type MailCall, parseCall, type VerbCall } from "../call/words.ts";
import { Failure } from "../failure.ts";
import type { World } from "../world.ts";
import { endInUsage } from "./usage.ts";

/** One run of the program: the world in, the exit status out. */
export async function main(world: World): Promise<number> {
  let call: MailCall | VerbCall;
  try {
    call = parseCall(world.words);
  } catch (error) {
    if (error instanceof Failure) return endInUsage(world, error);
    throw error;
  }
  if (call.kind === "mail") return serveMail(world, call);
  // A bundle of its own, too: no mail call reads in the verbs.
  return (await import("./run_verb.js")).runVerb(world, call);
}
