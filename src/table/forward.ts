import { hasAny } from "./characters.ts";
import { globs } from "./host.ts";
import { isHostname, isMethod } from "./names.ts";
import type { Problem } from "./problem.ts";
import { shown } from "./problem.ts";
import type { Endpoint, Forward, PlaceForward, TomlPath } from "./table.ts";
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

/** All that may stand in one, with `to` and `method` yet to be told apart. */
type ForwardKeys = Omit<PlaceForward, "to" | "method"> & { readonly to: Endpoint; readonly method: string };

const forwardKeys = table<ForwardKeys>("[[forward]]", {
  name: text("a name", isPlain),
  listen: value(
    'a port from 1 to 65535, an absolute path of a socket, or one that begins with "~/"',
    (value) => {
      return typeof value === "string" && isPath(value) ? value : portOf(value);
    },
  ),
  to: endpoint,
  method: text('a METHOD, as in "imap"', isMethod),
  via: globs,
  unless: table<Forward["unless"]>("unless", {
    domain: list("a domain", isHostname),
    reachable: endpoint,
  }),
  allow: word("same-user", "any-user"),
});

const REQUIRED = ["name", "listen"] as const;

/** One [[forward]]. */
const forward: Check<Forward> = (value, path, problems) => {
  const keys = forwardKeys(value, path, problems);
  if (!isTable(value) || keys === undefined) return undefined;
  for (const key of REQUIRED) {
    if (!Object.hasOwn(value, key)) problems.push({ path, part: "key", what: `[[forward]] has no ${key}` });
  }
  const hasMethod = Object.hasOwn(value, "method");
  if (hasMethod) reportMethod(value, keys.via, path, problems);
  else if (!Object.hasOwn(value, "to")) {
    problems.push({ path, part: "key", what: "[[forward]] has no to, and no method" });
  }
  const { name, listen, to, method, ...others } = keys;
  if (name === undefined || listen === undefined) return undefined;
  const all = { ...others, name, listen, unless: keys.unless ?? {}, allow: keys.allow ?? "same-user" };
  if (hasMethod) return method === undefined ? undefined : { ...all, method };
  return to === undefined ? undefined : { ...all, to };
};

/** What is wrong with one whose connections are mail calls: they need one SERVER to be calls for. */
function reportMethod(
  value: Readonly<Record<string, unknown>>,
  via: readonly string[] | undefined,
  path: TomlPath,
  problems: Problem[],
): void {
  if (Object.hasOwn(value, "to")) {
    problems.push({ path: [...path, "method"], part: "key", what: "[[forward]] has a method and a to" });
  }
  if (!Object.hasOwn(value, "via")) {
    const what = "[[forward]] has a method, and no via that names its SERVER";
    problems.push({ path, part: "key", what });
    return;
  }
  const isOne = via?.length === 1 && via.every((name) => isHostname(name) && !hasAny(name, "*?!"));
  if (via === undefined || isOne) return;
  const what = "via must name exactly one SERVER when there is a method";
  problems.push({ path: [...path, "via"], part: "value", what, value: value.via });
}

const everyForward = tables("[[forward]]", forward);

/** Every [[forward]]: no two may have one name, or listen at one place; `placeOf` tells which place a path is. */
export function forwards(placeOf: (path: string) => string): Check<readonly Forward[]> {
  return (value, path, problems) => {
    if (Array.isArray(value)) {
      reportTaken(value, "name", path, problems, (name) => name);
      reportTaken(value, "listen", path, problems, placeOf);
    }
    return everyForward(value, path, problems);
  };
}

/** Looks at the values as they are written, so that a forward with another fault takes its port too. */
function reportTaken(
  items: readonly unknown[],
  key: string,
  path: TomlPath,
  problems: Problem[],
  same: (text: string) => string,
): void {
  // Where there is one text alone nothing has to be looked up for it: each call reads the table.
  const texts = items.filter((item) => isTable(item) && typeof item[key] === "string");
  const holders = new Map<unknown, number>();
  for (const [index, item] of items.entries()) {
    const value = isTable(item) ? item[key] : undefined;
    if (typeof value !== "string" && typeof value !== "bigint") continue;
    const normal = typeof value === "string" && texts.length > 1 ? same(value) : value;
    const holder = holders.get(normal);
    if (holder === undefined) {
      holders.set(normal, index);
    } else {
      const what = `${key} ${shown(value)} is taken: [[forward]] number ${holder + 1} has it`;
      problems.push({ path: [...path, index, key], part: "value", what });
    }
  }
}
