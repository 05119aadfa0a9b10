import { Failure } from "../../failure.ts";
import type { BrokenOff } from "../../state/patience.ts";
import { typed } from "../../target/by_hand.ts";
import { type Method, turnedOff } from "../../target/methods.ts";
import type { Target } from "../../target/target.ts";
import { isSecurityKey } from "../keys/type.ts";
import type { AddingLine } from "./adding_line.ts";
import { startAgent } from "./agent_hints.ts";
import type { Obstacle } from "./candidate.ts";
import type { TriedKey } from "./tried_key.ts";

/** How many of the keys that were tried a message names. */
const NAMED = 3;

/** How many of the server's methods it names: there are seven. */
const MOST_METHODS = 8;

/** What to do about too many keys. */
export const NAME_ONE = 'name one key for this server in the table: identity = "~/.ssh/..."';

/** Ways in that there are not (RFC 4462, and host-based of RFC 4252 section 9), and what to do instead. */
const UNBUILT = /^(gssapi|hostbased)/;
const NOT_BUILT =
  "GSSAPI and host-based logins are not built in (doc/ssh.md): log in with ssh, and ask the server's administrator to allow public keys";

const DENIED: Readonly<Record<Method, string>> = {
  publickey: "",
  password: "the password was refused",
  "keyboard-interactive": "the answers were refused",
};

/** What was tried to get in. */
export interface Tried {
  /** The keys that were offered, in order. */
  readonly attempts: readonly TriedKey[];
  /** Why there were no others. */
  readonly obstacles: readonly Obstacle[];
  /** What the server would take: "publickey", "password". Empty when it did not say. */
  readonly methods: readonly string[];
  /** The keys that the server has refused; undefined where it was not the server, and the next call may fare otherwise. */
  readonly refusedKeys: readonly string[] | undefined;
  readonly lastMethod: string;
  /** The methods, other than keys, that the server has accepted without letting the user in. */
  readonly answers: readonly Method[];
  /** The methods for which somebody has typed something, and the server wants none of it. */
  readonly denied: readonly Method[];
  /** How a key is added to an agent for this host. */
  readonly adding: AddingLine;
  /** Whether somebody at a terminal was asked for what no key could do. */
  readonly isAsking: boolean;
}

/** The server did not let the user in. */
export class LoginFailure extends Failure {
  readonly attempts: readonly TriedKey[];
  readonly obstacles: readonly Obstacle[];
  readonly methods: readonly string[];
  readonly refusedKeys: readonly string[] | undefined;
  /** At which refusal the server has broken off, and of which keys; undefined where it has not, or not for these. */
  readonly brokenOff: BrokenOff | undefined;

  /** `ending`: the server's own words, where it broke off. */
  constructor(target: Target, tried: Tried, ending?: string) {
    const { attempts, obstacles, methods, refusedKeys } = tried;
    super("auth", target.server, reason(target, tried, ending), {
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
function described({ type, fingerprint, source, name, flaw }: TriedKey): string {
  const origin = source === "agent" ? "from the agent" : `from ${name}`;
  const key = `${type} ${fingerprint} ${origin}`;
  if (flaw === undefined) return key;
  return flaw === "expired" ? `${key}, which has expired` : `${key}, which is not valid yet`;
}

/** Whether a key was refused, and its certificate names other accounts, as it may where AuthorizedPrincipalsFile is set. */
function isForOthers({ outcome, principals }: TriedKey, user: string): boolean {
  return outcome === "offered" && principals.length > 0 && !principals.includes(user);
}

/** The same, with the accounts. */
function withAccounts(key: TriedKey, user: string): string {
  const accounts = isForOthers(key, user) ? `, which is for ${fewOf(key.principals).join(", ")}` : "";
  return `${described(key)}${accounts}`;
}

/** What opened the door, and the keys that were offered before it, for --check. */
export function loggedIn(attempts: readonly TriedKey[], lastMethod: "none" | Method): string {
  const asked = lastMethod === "none" || lastMethod === "publickey" ? undefined : lastMethod;
  const key = attempts.findLast(({ outcome }) => outcome === "signed" || outcome === "accepted");
  if (asked !== undefined) return key === undefined ? asked : `${asked}, after ${described(key)}`;
  if (key === undefined) return "no proof was asked for";
  const before = attempts.slice(0, attempts.indexOf(key)).map((one) => `${described(one)}${failed(one)}`);
  return before.length === 0 ? described(key) : `${described(key)}, after ${before.join(", ")}`;
}

function reason({ user }: Target, tried: Tried, ending: string | undefined): string {
  const { obstacles } = tried;
  const methods = fewOf(tried.methods);
  const accepted = acceptedIn(tried);
  const attempts = tried.attempts.filter(({ outcome }) => outcome !== "accepted");
  const own = attempts
    .filter(({ source }) => source === "agent")
    .map(failureOf)
    .find(Boolean);
  const shown = attempts
    .slice(0, NAMED)
    .map((one) => `${withAccounts(one, user.value)}${failureOf(one) === own ? "" : failed(one)}`);
  const more = attempts.length > NAMED ? [`${attempts.length - NAMED} more`] : [];
  const parts = [
    ...(ending === undefined ? [] : [`the server says "${ending}"`]),
    ...(accepted.length === 0 ? [] : [`it has accepted ${accepted.join(" and ")}`]),
    ...(attempts.length === 0 ? [] : [`tried ${[...shown, ...more].join(", ")}`]),
    ...tried.denied.map((method) => DENIED[method]),
    ...obstacles.slice(0, NAMED).map(({ what }) => what),
    ...(methods.length === 0 || accepted.length > 0 ? [] : [`the server takes ${methods.join(", ")}`]),
  ];
  const isWithout = [attempts, accepted, tried.denied].every((list) => list.length === 0);
  const what = isWithout ? `no key to log in with as ${user.value}` : `${user.value} not let in`;
  const wanted = methods.map((method) => (method === "publickey" ? "another key" : method)).join(" or ");
  // First of all: these are no refusals of the server's.
  const first = accepted.length > 0 ? `the server wants ${wanted} as well` : own;
  const told = first === undefined ? what : `${first}: ${what}`;
  return parts.length === 0 ? told : `${told} (${parts.join("; ")})`;
}

/** A server may name as many methods as go into a packet, and a certificate as many accounts. */
function fewOf(names: readonly string[]): readonly string[] {
  const more = names.length - MOST_METHODS;
  return more <= 0 ? names : [...names.slice(0, MOST_METHODS), `${more} more`];
}

/** What the server has accepted without letting the user in. */
function acceptedIn({ attempts, answers }: Tried): readonly string[] {
  return [...attempts.filter(({ outcome }) => outcome === "accepted").map(described), ...answers];
}

/** Why a key was not proven, other than that the server did not want it. */
function failureOf({ outcome }: TriedKey): string | undefined {
  return typeof outcome === "string" ? undefined : outcome.failed;
}

function failed(attempt: TriedKey): string {
  const failure = failureOf(attempt);
  return failure === undefined ? "" : `, but ${failure}`;
}

/** sshd(8) looks for a touch, and for a PIN where it wants one, in the signature: it takes the key, and then not what it signed. */
function untouched(type: string): string {
  const kind = type.startsWith("sk-ssh-ed25519") ? "ed25519-sk" : "ecdsa-sk";
  const another = typed("ssh-keygen", "-t", kind, "-O", "verify-required");
  return `if it is there, it wants a touch or a PIN: write no-touch-required before it, or make a key that has both: ${another}`;
}

/** What may help, best first. */
function hints(
  { server, user, host, agent, agentVariable, byHand, methods: own }: Target,
  tried: Tried,
  ending: string | undefined,
): readonly string[] {
  const { attempts, obstacles, methods, isAsking } = tried;
  const sameBySsh = `check what was typed, and the user name; this asks the same: ${typed("ssh", ...byHand)}`;
  const check = tried.denied.length > 0 ? [sameBySsh] : [];
  const told = obstacles.map(({ hint }) => hint).filter((hint) => hint !== undefined);
  const onTerminal = `log in on a terminal, where preauth can ask: ${typed("preauth", "--login", server)}`;
  const takesKeys = methods.length === 0 || methods.includes("publickey");
  const takesAnswers = methods.some((method) => method === "password" || method === "keyboard-interactive");
  const isForAgent = told.some((hint) => /ssh-add|an agent|tmux/.test(hint));
  // There a passphrase is asked for, and the agent is that of the terminal; one that lacks the key lacks it there, too.
  const isUsableThere = told.some((hint) =>
    /^(add the key to an agent|start an agent|take the new one)/.test(hint),
  );
  if (!takesKeys && takesAnswers && !isAsking) return [onTerminal];
  // A mail call asks for nothing, and without keys it does not begin.
  const off = isAsking ? turnedOff(own.value, methods).join(" and ") : "";
  const turnOn = `ssh_config turns off ${off}, which the server takes; find the file: ${typed("ssh", "-vG", ...byHand)}`;
  if (off !== "" && (attempts.length === 0 || !takesKeys)) return [...check, turnOn];
  if (!takesKeys && !takesAnswers && methods.some((method) => UNBUILT.test(method))) return [NOT_BUILT];
  if (!takesKeys) return [...check, "ask the server's administrator to allow public keys"];
  if (agent.value === undefined && isForAgent) told.unshift(startAgent(agentVariable.value));
  if ((takesAnswers || isUsableThere) && !isAsking) told.push(onTerminal);
  if (ending !== undefined && attempts.length > 1) told.push(NAME_ONE);
  if (attempts.some((one) => one.source === "agent" && failureOf(one) !== undefined)) {
    const { line } = tried.adding;
    told.push(`answer yes when the agent asks, or touch the key; if it is for certain hosts only: ${line}`);
  }
  const unopened = attempts.find((one) => one.source === "file" && failureOf(one) !== undefined);
  if (unopened !== undefined)
    told.push(
      `try to open it by hand: ${typed("ssh-keygen", "-y", "-f", unopened.name.replace(/-cert\.pub$/, ""))}`,
    );
  if (attempts.some((one) => one.flaw !== undefined || isForOthers(one, user.value)))
    told.push(`get a certificate from its authority that is valid now and for ${user.value}`);
  const first = attempts.find(({ outcome }) => outcome === "offered" || outcome === "signed");
  if (first !== undefined) {
    told.push(`put this line into ~${user.value}/.ssh/authorized_keys on ${host.value}: ${first.line}`);
    if (first.outcome === "signed" && isSecurityKey(first.type)) told.push(untouched(first.type));
  }
  const isKeyWanted = takesKeys && acceptedIn(tried).length > 0;
  if (isKeyWanted) told.push("the server wants another key: make one, and put its .pub line below the first");
  if (off !== "") told.push(turnOn);
  if (attempts.length === 0 && told.length === 0) told.push("make a key: ssh-keygen -t ed25519");
  return [...new Set([...check, ...told])];
}
