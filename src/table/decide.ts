import type { CarriedForward, Command, Decision, Origin, Settled } from "./decision.ts";
import { matches } from "./match.ts";
import type { Host, HostKeys, PortCommand, Table, TomlPath } from "./table.ts";

/** The words of a call that a decision takes in. A verb may have no USER. */
export interface Call {
  readonly server: string;
  readonly user?: string | undefined;
  readonly method: string;
}

const BY_DEFAULT: Origin = { kind: "default" };
const BY_CALL: Origin = { kind: "call" };

/**
 * What the table says about a call: its first [[host]] that matches SERVER, completed by [defaults] and by
 * the usual values. Undefined when no host matches: the SERVER is not ours.
 */
export async function decide(table: Table, call: Call): Promise<Decision | undefined> {
  for (const [index, host] of table.hosts.entries()) {
    if (!(await matches(host.match, call.server))) continue;
    const layers = layersOf(table, host, index);
    const forwards = await forwardsOf(table, call.server, layers);
    return { ...decision(layers, call, index), forwards };
  }
  return undefined;
}

/** Those whose `via` matches SERVER, and those without. */
async function forwardsOf(
  { forwards }: Table,
  server: string,
  layers: Layers,
): Promise<readonly CarriedForward[]> {
  const chosen: CarriedForward[] = [];
  for (const forward of forwards) {
    if (forward.via !== undefined && !(await matches(forward.via, server))) continue;
    const isPlace = forward.to !== undefined;
    chosen.push(isPlace ? forward : { ...forward, command: commandFor(layers, forward.method) });
  }
  return chosen;
}

/** Keys of the table and where they stand, in the order in which they are asked. */
type Layers = readonly { readonly keys: HostKeys; readonly path: TomlPath }[];

function layersOf(table: Table, host: Host, index: number): Layers {
  return [
    { keys: host, path: ["host", index] },
    { keys: table.defaults, path: ["defaults"] },
  ];
}

function decision(layers: Layers, { server, user, method }: Call, host: number): Omit<Decision, "forwards"> {
  return {
    server,
    method,
    host,
    destination: settled(layers, "server") ?? { value: server, from: BY_CALL },
    user: settled(layers, "user") ?? (user === undefined ? undefined : { value: user, from: BY_CALL }),
    port: settled(layers, "port"),
    identity: settled(layers, "identity"),
    sshConfig: settled(layers, "ssh_config"),
    knownHosts: settled(layers, "known_hosts"),
    compression: settled(layers, "compression"),
    onFailure: settled(layers, "on_failure") ?? { value: "refuse", from: BY_DEFAULT },
    deadline: settled(layers, "deadline") ?? { value: 10_000, from: BY_DEFAULT },
    share: settled(layers, "share") ?? { value: true, from: BY_DEFAULT },
    persist: settled(layers, "persist") ?? { value: 600_000, from: BY_DEFAULT },
    spare: settled(layers, "spare") ?? { value: 0, from: BY_DEFAULT },
    command: commandFor(layers, method),
  };
}

function settled<K extends keyof HostKeys>(
  layers: Layers,
  key: K,
): Settled<NonNullable<HostKeys[K]>> | undefined {
  for (const { keys, path } of layers) {
    const value: HostKeys[K] = keys[key];
    if (value !== undefined) return { value, from: { kind: "table", path: [...path, key] } };
  }
  return undefined;
}

/** The host's line for METHOD, its line for any, then the same two of [defaults], then the search for imap. */
function commandFor(layers: Layers, method: string): Settled<Command> | undefined {
  for (const { keys, path } of layers) {
    const own = keys.commands;
    // A METHOD may be called "constructor".
    if (own !== undefined && Object.hasOwn(own, method) && own[method] !== undefined) {
      const from: Origin = { kind: "table", path: [...path, "commands", method] };
      return { value: commandOf(own[method], method), from };
    }
    if (keys.command !== undefined) {
      const from: Origin = { kind: "table", path: [...path, "command"] };
      return { value: commandOf(keys.command, method), from };
    }
  }
  return method === "imap" ? { value: { kind: "auto" }, from: BY_DEFAULT } : undefined;
}

function commandOf(text: string | PortCommand, method: string): Command {
  if (typeof text !== "string") return { kind: "port", to: text.to, login: text.login ?? "nobody" };
  if (text === "auto" && method === "imap") return { kind: "auto" };
  return { kind: "line", line: text.replaceAll("{method}", method) };
}
