import { posix } from "node:path";
import { globs } from "./host.ts";
import { isHostname } from "./names.ts";
import type { Problem } from "./problem.ts";
import { shown } from "./problem.ts";
import type { Forward, TomlPath } from "./table.ts";
import type { Check } from "./values.ts";
import {
  endpoint,
  isPath,
  isPlain,
  isTable,
  list,
  portOf,
  table,
  tables,
  text,
  value,
  word,
} from "./values.ts";

const forwardKeys = table<Forward>("[[forward]]", {
  name: text("a name", isPlain),
  listen: value("a port from 1 to 65535 or the absolute path of a socket", (value) => {
    return typeof value === "string" && isPath(value) ? value : portOf(value);
  }),
  to: endpoint,
  via: globs,
  unless: table<Forward["unless"]>("unless", {
    domain: list("a domain", isHostname),
    reachable: endpoint,
  }),
  allow: word("same-user", "any-user"),
});

const REQUIRED = ["name", "listen", "to"] as const;

/** One [[forward]]. */
const forward: Check<Forward> = (value, path, problems) => {
  const keys = forwardKeys(value, path, problems);
  if (!isTable(value) || keys === undefined) return undefined;
  for (const key of REQUIRED) {
    if (!Object.hasOwn(value, key)) problems.push({ path, part: "key", what: `[[forward]] has no ${key}` });
  }
  const { name, listen, to } = keys;
  if (name === undefined || listen === undefined || to === undefined) return undefined;
  return { ...keys, name, listen, to, unless: keys.unless ?? {}, allow: keys.allow ?? "same-user" };
};

const everyForward = tables("[[forward]]", forward);

/** Every [[forward]]: no two may have one name, or listen at one place. */
export const forwards: Check<readonly Forward[]> = (value, path, problems) => {
  if (Array.isArray(value)) {
    reportTaken(value, "name", path, problems);
    reportTaken(value, "listen", path, problems);
  }
  return everyForward(value, path, problems);
};

/** Looks at the values as they are written, so that a forward with another fault takes its port too. */
function reportTaken(items: readonly unknown[], key: string, path: TomlPath, problems: Problem[]): void {
  const holders = new Map<unknown, number>();
  for (const [index, item] of items.entries()) {
    const value = isTable(item) ? item[key] : undefined;
    if (typeof value !== "string" && typeof value !== "bigint") continue;
    const normal = key === "listen" && typeof value === "string" ? posix.normalize(value) : value;
    const holder = holders.get(normal);
    if (holder === undefined) {
      holders.set(normal, index);
    } else {
      const what = `${key} ${shown(value)} is taken: [[forward]] number ${holder + 1} has it`;
      problems.push({ path: [...path, index, key], part: "value", what });
    }
  }
}
