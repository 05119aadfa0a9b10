import minimist from "minimist";
import packageJson from "../../package.json" with { type: "json" };
import { checkedMethod, checkedServer, checkedUser, type VerbCall } from "../call/words.ts";
import { Failure } from "../failure.ts";
import { print, tellPerson } from "../report/speak.ts";
import type { World } from "../world.ts";
import { check } from "./check.ts";
import { explain } from "./explain.ts";
import { checkedTime, forward, USUAL_TIME } from "./forward.ts";
import { HELP } from "./help.ts";
import { login } from "./login.ts";
import { status } from "./status.ts";
import { stop } from "./stop.ts";
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
  /** Names of options that take a value. */
  readonly options?: readonly string[];
  /** Names of options that take none. */
  readonly flags?: readonly string[];
  run(world: World, words: readonly string[], options: Options): number | Promise<number>;
}

/** Options that were given, with their values; a flag's is empty. */
type Options = ReadonlyMap<string, string>;

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
  [
    "login",
    {
      words: [1, 2],
      run: (world, words) => login(world, serverWords(words)),
    },
  ],
  [
    "status",
    { words: [0, 0], flags: ["json"], run: (world, _words, options) => status(world, options.has("json")) },
  ],
  [
    "stop",
    {
      words: [0, 1],
      flags: ["now"],
      run: (world, [server], options) =>
        stop(world, server === undefined ? undefined : checkedServer(server), options.has("now")),
    },
  ],
  [
    "forward",
    {
      words: [1, 2],
      options: ["for"],
      run: (world, words, options) => {
        const { server, user } = serverWords(words);
        return forward(world, { server, user, time: checkedTime(options.get("for") ?? USUAL_TIME) });
      },
    },
  ],
]);

/** Runs a verb to its exit status. */
export async function runVerb(world: World, call: VerbCall): Promise<number> {
  try {
    // Not a verb of anybody's: the process in the background is started with it.
    if (call.verb === "master" && world.background.isIt) {
      return await (await import("../master/master.ts")).runMaster(world);
    }
    const verb = VERBS.get(call.verb);
    if (verb === undefined) throw new Failure("usage", "usage", `there is no "--${call.verb}"`);
    const { words, options } = parsed(call, verb);
    const [least, most] = verb.words;
    if (words.length < least) throw new Failure("usage", "usage", `--${call.verb} needs a SERVER`);
    if (words.length > most) throw new Failure("usage", "usage", `one word too many: "${words[most]}"`);
    return await verb.run(world, words, options);
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    if (error.trouble === "usage") return endInUsage(world, error);
    tellPerson(world, error);
    return error.status;
  }
}

/** The words of a verb and its options, which may stand anywhere. Throws for what the verb does not take. */
function parsed(
  { verb, words }: VerbCall,
  { options: names = [], flags = [] }: Verb,
): { readonly words: readonly string[]; readonly options: Options } {
  // Without `string`, minimist makes the number 7 of a user 007; and it makes a number or a false of a flag's value.
  const { _: plain, ...given } = minimist([...words], {
    string: ["_", ...names],
    boolean: [...flags],
    unknown: (word) => {
      if (word.startsWith("-")) throw new Failure("usage", "usage", `--${verb} has no option "${word}"`);
      return true;
    },
  });
  const options = new Map<string, string>();
  for (const name of flags) {
    const uses = words.filter((word) => new RegExp(`^--(no-)?${name}(=|$)`).test(word));
    if (uses.length > 1 || (uses.length === 1 && uses[0] !== `--${name}`)) {
      throw new Failure("usage", "usage", `--${name} is given once and takes no value`);
    }
    if (uses.length === 1) options.set(name, "");
    delete given[name];
  }
  for (const [name, value] of Object.entries(given)) {
    // An array where it was repeated, a boolean for --no-NAME, nothing where the value is missing.
    if (typeof value !== "string" || value === "") {
      throw new Failure("usage", "usage", `--${name} needs one value`);
    }
    options.set(name, value);
  }
  return { words: plain, options };
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
