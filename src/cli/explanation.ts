import { endpointText } from "../forwards/plan.ts";
import type { Command, Decision, Settled } from "../table/decision.ts";
import type { Target } from "../target/target.ts";
import type { Json } from "./document.ts";
import type { Sayer } from "./where.ts";

/** One value of a call, for a person and for a program. */
export interface Explained {
  /** What a person is shown as its name. */
  readonly name: string;
  /** Its name in a JSON document. */
  readonly key: string;
  readonly shown: string;
  readonly value: Json;
  /** Where it came from: "hosts.toml:12:1", "ssh_config", "the call", "default"; empty where it came from nowhere. */
  readonly from: string;
}

/** Every value of a call, in the order that a person reads them. `user` says where the USER came from. */
export function explained(
  decision: Decision,
  target: Target,
  origin: Sayer,
  user: Sayer,
): readonly Explained[] {
  const one = <T>(
    names: readonly [name: string, key: string],
    { value, from }: Settled<T>,
    show: (value: T) => string = String,
    json: (value: T) => Json = show,
  ): Explained => {
    const [name, key] = names;
    return { name, key, shown: show(value), value: json(value), from: origin(from) };
  };
  const list = (values: readonly string[]): string => values.join(" ") || "none";
  const same = <T extends Json>(value: T): Json => value;
  const { command } = decision;
  const matched = origin({ kind: "table", path: ["host", decision.host] });
  return [
    { name: "server", key: "server", shown: decision.server, value: decision.server, from: "the call" },
    {
      ...{ name: "match", key: "host", shown: `[[host]] ${decision.host + 1}` },
      ...{ value: decision.host + 1, from: matched },
    },
    one(["ssh to", "destination"], decision.destination),
    one(["address", "address"], target.host),
    one(["port", "port"], target.port, String, same),
    one(["family", "family"], target.addressFamily),
    { ...one(["user", "user"], target.user), from: user(target.user.from) },
    command === undefined
      ? { name: "command", key: "command", shown: "none for this METHOD", value: null, from: "" }
      : one(["command", "command"], command, commandText, commandJson),
    one(["known as", "hostKeyName"], target.hostKeyName),
    one(["known_hosts", "knownHosts"], target.knownHosts, list, same),
    one(["identities", "identities"], target.identityFiles, list, same),
    one(["only these", "identitiesOnly"], target.identitiesOnly, yesNo, same),
    one(
      ["agent", "agent"],
      target.agent,
      (socket) => socket ?? "none",
      (socket) => socket ?? null,
    ),
    // Its words may be a proxy's password.
    one(
      ["proxy", "hasProxy"],
      target.proxyCommand,
      (line) => line ?? "none",
      (line) => line !== undefined,
    ),
    one(["compression", "compression"], target.compression, yesNo, same),
    one(["on_failure", "onFailure"], decision.onFailure),
    one(["deadline", "deadlineMs"], decision.deadline, inSeconds, same),
    one(["share", "share"], decision.share, yesNo, same),
    one(
      ["persist", "persistMs"],
      decision.persist,
      (value) => `${value === "forever" ? value : inSeconds(value)}`,
      same,
    ),
    one(["spare", "spare"], decision.spare, String, same),
  ];
}

function commandText(command: Command): string {
  switch (command.kind) {
    case "auto":
      return "auto: the first imapd found on the server";
    case "line":
      return command.line;
    case "port":
      return `port ${endpointText(command.to)} as seen from the server${command.login === "nobody" ? "" : "; the client logs in"}`;
  }
}

/** Of a line only that it is one: it stands in the table, and may set what is secret. */
function commandJson(command: Command): Json {
  return command.kind === "port" ? { kind: "port", to: endpointText(command.to) } : { kind: command.kind };
}

function yesNo(value: boolean): string {
  return value ? "yes" : "no";
}

function inSeconds(ms: number): string {
  return `${ms / 1000} s`;
}
