import { Failure } from "../../failure.ts";
import { quoted } from "../../shell_word.ts";
import { typed } from "../../target/by_hand.ts";
import type { Method } from "../../target/methods.ts";
import type { Target } from "../../target/target.ts";
import type { Attempt } from "./attempt.ts";
import type { Obstacle } from "./candidate.ts";

/** How many of the keys that were tried a message names. */
const NAMED = 3;

/** What to do about too many keys. */
export const NAME_ONE = 'name one key for this server in the table: identity = "~/.ssh/..."';

/** What was tried to get in. */
export interface Tried {
  /** The keys that were offered, in order. */
  readonly attempts: readonly Attempt[];
  /** Why there were no others. */
  readonly obstacles: readonly Obstacle[];
  /** What the server would take: "publickey", "password". Empty when it did not say. */
  readonly methods: readonly string[];
  /** The keys that the server has refused; undefined where it was not the server, and the next call may fare otherwise. */
  readonly refusedKeys: readonly string[] | undefined;
  readonly lastMethod: string;
  /** Whether somebody at a terminal was asked for what no key could do. */
  readonly isAsking: boolean;
}

/** The server did not let the user in. */
export class LoginFailure extends Failure {
  readonly attempts: readonly Attempt[];
  readonly obstacles: readonly Obstacle[];
  readonly methods: readonly string[];
  readonly refusedKeys: readonly string[] | undefined;
  /** At which refusal the server has broken off, and of which keys; undefined where it has not, or not for these. */
  readonly brokenOff: { readonly count: number; readonly keys: readonly string[] } | undefined;

  /** `ending`: the server's own words, where it broke off. */
  constructor(target: Target, tried: Tried, ending?: string) {
    const { attempts, obstacles, methods, refusedKeys } = tried;
    super("auth", target.server, reason(target, attempts, obstacles, methods, ending), {
      hints: hints(target, tried, ending),
    });
    this.name = "LoginFailure";
    this.attempts = attempts;
    this.obstacles = obstacles;
    this.methods = methods;
    this.refusedKeys = refusedKeys;
    const refused = attempts.filter(({ outcome }) => outcome === "offered").map((one) => one.fingerprint);
    const isOfKeys = ending !== undefined && tried.lastMethod === "publickey" && refused.length > 0;
    this.brokenOff = isOfKeys ? { count: attempts.length, keys: refused } : undefined;
  }
}

/** "ssh-ed25519 SHA256:... from the agent": a key, in the words of messages and of --check. */
function described({ type, fingerprint, source, name, isExpired }: Attempt): string {
  const origin = source === "agent" ? "from the agent" : `from ${name}`;
  return `${type} ${fingerprint} ${origin}${isExpired ? ", which has expired" : ""}`;
}

/** What opened the door, and the keys that were offered before it, for --check. */
export function loggedIn(attempts: readonly Attempt[], lastMethod: "none" | Method): string {
  const asked = lastMethod === "none" || lastMethod === "publickey" ? undefined : lastMethod;
  const key = attempts.findLast(({ outcome }) => outcome === "signed");
  if (asked !== undefined) return key === undefined ? asked : `${asked}, after ${described(key)}`;
  if (key === undefined) return "no proof was asked for";
  const before = attempts.slice(0, attempts.indexOf(key)).map((one) => `${described(one)}${failed(one)}`);
  return before.length === 0 ? described(key) : `${described(key)}, after ${before.join(", ")}`;
}

function reason(
  { user }: Target,
  attempts: readonly Attempt[],
  obstacles: readonly Obstacle[],
  methods: readonly string[],
  ending: string | undefined,
): string {
  const own = attempts
    .filter(({ source }) => source === "agent")
    .map(failureOf)
    .find(Boolean);
  const shown = attempts
    .slice(0, NAMED)
    .map((one) => `${described(one)}${failureOf(one) === own ? "" : failed(one)}`);
  const more = attempts.length > NAMED ? [`${attempts.length - NAMED} more`] : [];
  const parts = [
    ...(ending === undefined ? [] : [`the server says "${ending}"`]),
    ...(attempts.length === 0 ? [] : [`tried ${[...shown, ...more].join(", ")}`]),
    ...obstacles.slice(0, NAMED).map(({ what }) => what),
    ...(methods.length === 0 ? [] : [`the server takes ${methods.join(", ")}`]),
  ];
  const what = attempts.length === 0 ? `no key to log in with as ${user.value}` : `${user.value} not let in`;
  // First of all: it is no refusal of the server's.
  const told = own === undefined ? what : `${own}: ${what}`;
  return parts.length === 0 ? told : `${told} (${parts.join("; ")})`;
}

/** Why a key was not proven, other than that the server did not want it. */
function failureOf({ outcome }: Attempt): string | undefined {
  return typeof outcome === "string" ? undefined : outcome.failed;
}

function failed(attempt: Attempt): string {
  const failure = failureOf(attempt);
  return failure === undefined ? "" : `, but ${failure}`;
}

/** What may help, best first. */
function hints(
  { server, user, host, agent, hostKeyName }: Target,
  { attempts, obstacles, methods, isAsking }: Tried,
  ending: string | undefined,
): readonly string[] {
  const told = obstacles.map(({ hint }) => hint).filter((hint) => hint !== undefined);
  const onTerminal = `log in on a terminal, which asks for what it takes: ${typed("preauth", "--login", server)}`;
  const takesKeys = methods.length === 0 || methods.includes("publickey");
  const takesAnswers = methods.some((method) => method === "password" || method === "keyboard-interactive");
  const isLocked = told.some((hint) => /ssh-add|an agent|tmux/.test(hint));
  if (!takesKeys)
    return takesAnswers && !isAsking ? [onTerminal] : ["ask for public keys to be allowed there"];
  if (agent.value === undefined && isLocked) told.unshift('start an agent: eval "$(ssh-agent)"');
  if ((takesAnswers || isLocked) && !isAsking) told.push(onTerminal);
  if (ending !== undefined && attempts.length > 1) told.push(NAME_ONE);
  if (attempts.some((one) => one.source === "agent" && failureOf(one) !== undefined)) {
    const again = `ssh-add -h ${quoted(hostKeyName.value)} KEYFILE`;
    told.push(`say yes where the agent asks, or touch the key; if it is for certain hosts only: ${again}`);
  }
  const first = attempts.find((one) => failureOf(one) === undefined);
  if (first !== undefined) {
    told.push(`put this line into ~${user.value}/.ssh/authorized_keys on ${host.value}: ${first.line}`);
  }
  if (attempts.length === 0 && told.length === 0) told.push("make a key: ssh-keygen -t ed25519");
  return [...new Set(told)];
}
