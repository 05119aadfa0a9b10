import { serveMail } from "../call/mail_call.ts";
import { type MailCall, parseCall, type VerbCall } from "../call/words.ts";
import { Failure } from "../failure.ts";
import type { World } from "../world.ts";

/** One run of the program: the world in, the exit status out. */
export async function main(world: World): Promise<number> {
  let call: MailCall | VerbCall;
  try {
    call = parseCall(world.words);
  } catch (error) {
    if (error instanceof Failure) return (await verbs()).endInUsage(world, error);
    throw error;
  }
  return call.kind === "mail" ? serveMail(world, call) : (await verbs()).runVerb(world, call);
}

/** A bundle of its own: no mail call reads in the verbs, and what they are called. */
function verbs() {
  return import("./run_verb.js");
}
