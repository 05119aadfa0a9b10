import minimist from "minimist";
import packageJson from "../../package.json" with { type: "json" };
import { checkedMethod, checkedServer, checkedUser, type VerbCall } from "../call/words.ts";
import { Failure } from "../failure.ts";
import { print, remark, tellPerson } from "../report/results.ts";
import type { World } from "../world.ts";
import { authorize } from "./authorize.ts";
import { check } from "./check.ts";
import { checkDocument } from "./check_document.ts";
import { completion } from "./completion.ts";
import { explain, explainDocument } from "./explain.ts";
import { explainTable, tableDocument } from "./explain_table.ts";
import { checkedTime, forward, USUAL_TIME } from "./forward.ts";
import { help } from "./help.ts";
import { hosts } from "./hosts.ts";
import { init } from "./init.ts";
import { login } from "./login.ts";
import type { ServerWords } from "./server_words.ts";
import { snippet } from "./snippet.ts";
import { type ClientName, SNIPPETS } from "./snippets.ts";
import { status } from "./status.ts";
import { stop } from "./stop.ts";
import { endInUsage } from "./usage.ts";
import { CHOICES, isVerb, VERBS, type Verb, type VerbName } from "./verbs.ts";

export { endInUsage };

/** Options that were given, with their values; a flag's is empty. */
type Options = ReadonlyMap<string, string>;

type Run = (world: World, words: readonly string[], options: Options) => number | Promise<number>;

const RUNS: Readonly<Record<VerbName, Run>> = {
  init: (world, [server], options) =>
    init(world, {
      server: server === undefined ? undefined : checkedServer(server),
      printsOnly: options.has("print"),
    }),
  authorize: (world, words, options) => {
    const { server, user } = serverWords(words);
    return authorize(world, { server, user, printsOnly: options.has("print") });
  },
  explain: (world, words, options) => {
    const isJson = options.has("json");
    if (words.length === 0) return isJson ? tableDocument(world) : explainTable(world);
    return isJson ? explainDocument(world, serverWords(words)) : explain(world, serverWords(words));
  },
  hosts: (world) => hosts(world),
  snippet: (world, [client, server, user]) =>
    snippet(world, {
      client: client === undefined ? undefined : checkedChoice("CLIENT", clients(), client),
      server: server === undefined ? undefined : checkedServer(server),
      user: user === undefined ? undefined : checkedUser(user),
    }),
  completion: (world, [shell = ""]) => completion(world, checkedChoice("SHELL", CHOICES.SHELL, shell)),
  check: (world, words, options) => {
    return options.has("json") ? checkDocument(world, serverWords(words)) : check(world, serverWords(words));
  },
  login: (world, words) => login(world, serverWords(words)),
  forward: (world, words, options) => {
    const { server, user } = serverWords(words);
    return forward(world, { server, user, time: checkedTime(options.get("for") ?? USUAL_TIME) });
  },
  status: (world, _words, options) => status(world, options.has("json")),
  stop: (world, [server], options) =>
    stop(world, server === undefined ? undefined : checkedServer(server), options.has("now")),
  help: (world) => say(world, help(world.columns(1))),
  version: (world) => say(world, [`preauth ${packageJson.version}`]),
};

/** Runs a verb to its exit status. */
export async function runVerb(world: World, call: VerbCall): Promise<number> {
  try {
    // Not a verb of anybody's: the process in the background is started with it.
    if (call.verb === "master" && world.background.isIt) {
      return await (await import("../master/master.ts")).runMaster(world);
    }
    const { verb: name } = call;
    if (!isVerb(name)) throw new Failure("usage", "usage", `no verb "--${name}"`);
    const { words, options } = parsed(call, VERBS[name]);
    if (world.elsewhere !== undefined) remark(world, world.elsewhere);
    return await RUNS[name](world, words, options);
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    if (error.trouble === "usage") return endInUsage(world, error, true);
    tellPerson(world, error);
    return error.status;
  }
}

/** The words of a verb and its options, which may stand anywhere. Throws for what the verb does not take. */
function parsed(
  { verb, words }: VerbCall,
  { words: taken, needed = 0, options: valued = {}, flags = [] }: Verb,
): { readonly words: readonly string[]; readonly options: Options } {
  const names = Object.keys(valued);
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
  const missing = plain.length < needed ? taken[plain.length] : undefined;
  if (missing !== undefined) throw new Failure("usage", "usage", `--${verb} needs a ${missing}`);
  const surplus = plain[taken.length];
  if (surplus !== undefined) throw new Failure("usage", "usage", `one word too many: "${surplus}"`);
  return { words: plain, options };
}

function serverWords([server = "", user, method = "imap"]: readonly string[]): ServerWords {
  return {
    server: checkedServer(server),
    user: user === undefined ? undefined : checkedUser(user),
    method: checkedMethod(method),
  };
}

function clients(): readonly ClientName[] {
  return Object.keys(SNIPPETS) as ClientName[];
}

/** One of a few words. Throws a Failure "usage". */
function checkedChoice<T extends string>(name: string, words: readonly T[], given: string): T {
  const found = words.find((word) => word === given);
  if (found !== undefined) return found;
  throw new Failure("usage", name, `"${given}" is none of ${words.join(", ")}`);
}

function say(world: World, lines: readonly string[]): number {
  print(world, lines);
  return 0;
}
