import minimist from "minimist";
import packageJson from "../../package.json" with { type: "json" };
import { Failure } from "../failure.ts";
import { print, tellPerson } from "../report/speak.ts";
import type { World } from "../world.ts";
import { checkedMethod, checkedServer, checkedUser, type VerbCall } from "./call.ts";
import { check } from "./check.ts";
import { explain } from "./explain.ts";
import { HELP } from "./help.ts";
import { endInUsage } from "./usage.ts";

/** The words of a verb that is about one server. METHOD is "imap" where the call has none. */
export interface ServerWords {
  readonly server: string;
  readonly user: string | undefined;
  readonly method: string;
}

interface Verb {
  /** How many words it takes at least and at most. */
  readonly words: readonly [number, number];
  run(world: World, words: readonly string[]): number | Promise<number>;
}

const VERBS: ReadonlyMap<string, Verb> = new Map<string, Verb>([
  ["help", { words: [0, 0], run: (world) => say(world, HELP) }],
  ["version", { words: [0, 0], run: (world) => say(world, [`preauth ${packageJson.version}`]) }],
  [
    "explain",
    {
      words: [1, 3],
      run: (world, words) => explain(world, serverWords(words)),
    },
  ],
  [
    "check",
    {
      words: [1, 3],
      run: (world, words) => check(world, serverWords(words)),
    },
  ],
]);

/** Runs a verb to its exit status. */
export async function runVerb(world: World, call: VerbCall): Promise<number> {
  try {
    const verb = VERBS.get(call.verb);
    if (verb === undefined) throw new Failure("usage", "usage", `there is no "--${call.verb}"`);
    const words = wordsOf(call);
    const [least, most] = verb.words;
    if (words.length < least) throw new Failure("usage", "usage", `--${call.verb} needs a SERVER`);
    if (words.length > most) throw new Failure("usage", "usage", `one word too many: "${words[most]}"`);
    return await verb.run(world, words);
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    if (error.trouble === "usage") return endInUsage(world, error);
    tellPerson(world, error);
    return error.status;
  }
}

/** The words of a verb without its options. Throws for an option that it does not have. */
function wordsOf({ verb, words }: VerbCall): readonly string[] {
  // Without `string`, minimist makes the number 7 of a user 007.
  return minimist([...words], {
    string: ["_"],
    unknown: (word) => {
      if (word.startsWith("-")) throw new Failure("usage", "usage", `--${verb} has no option "${word}"`);
      return true;
    },
  })._;
}

function serverWords([server = "", user, method = "imap"]: readonly string[]): ServerWords {
  return {
    server: checkedServer(server),
    user: user === undefined ? undefined : checkedUser(user),
    method: checkedMethod(method),
  };
}

function say(world: World, lines: readonly string[]): number {
  print(world, lines);
  return 0;
}
