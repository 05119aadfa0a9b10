import { hasControl } from "./characters.ts";
import { isHostname } from "./names.ts";
import type { Problem } from "./problem.ts";
import { unknownKey } from "./problem.ts";
import type { Endpoint, TomlPath } from "./table.ts";

/** Reads the value at a path; what is wrong with it is added to the problems, and undefined returned. */
export type Check<T> = (value: unknown, path: TomlPath, problems: Problem[]) => T | undefined;

/** One check for each key of a table of the document. */
export type Checks<T> = { readonly [K in keyof T]-?: Check<Exclude<T[K], undefined>> };

/** A value that `read` takes; `wants` says of all others what they should have been ("true or false"). */
export function value<T>(wants: string, read: (value: unknown) => T | undefined): Check<T> {
  return (value, path, problems) => {
    const result = read(value);
    if (result === undefined)
      problems.push({ path, part: "value", what: `${keyOf(path)} must be ${wants}`, value });
    return result;
  };
}

/** A string that passes a test. */
export function text(wants: string, isGood: (text: string) => boolean): Check<string> {
  return value(wants, (value) => (typeof value === "string" && isGood(value) ? value : undefined));
}

/** One of a few words. */
export function word<T extends string>(first: T, ...others: readonly T[]): Check<T> {
  const words: readonly unknown[] = [first, ...others];
  const last = `"${words.at(-1)}"`;
  const wants = others.length === 0 ? last : `"${words.slice(0, -1).join('", "')}" or ${last}`;
  return value(wants, (value) => (words.includes(value) ? (value as T) : undefined));
}

/** A string that passes a test, or a list of at least one such string. */
export function list(wants: string, isGood: (text: string) => boolean): Check<readonly string[]> {
  const one = text(wants, isGood);
  const none = value<never>(`${wants}, or a list of them`, () => undefined);
  return (value, path, problems) => {
    if (!Array.isArray(value) || value.length === 0) {
      const only = (typeof value === "string" ? one : none)(value, path, problems);
      return only === undefined ? undefined : [only];
    }
    return all(value, one, path, problems);
  };
}

/** A table of known keys; `title` names it in messages. Returns those that are there and right. */
export function table<T extends object>(title: string, checks: Checks<T>): Check<Partial<T>> {
  const none = value<never>("a table", () => undefined);
  return (value, path, problems) => {
    if (!isTable(value)) return none(value, path, problems);
    const read: Partial<T> = {};
    for (const key of Object.keys(value)) {
      const where = [...path, key];
      if (isKeyOf(checks, key)) readKey(read, checks, key, value[key], where, problems);
      else problems.push(unknownKey(where, title, Object.keys(checks)));
    }
    return read;
  };
}

function readKey<T extends object, K extends keyof T>(
  into: Partial<T>,
  checks: Checks<T>,
  key: K,
  value: unknown,
  path: TomlPath,
  problems: Problem[],
): void {
  const result = checks[key](value, path, problems);
  if (result !== undefined) into[key] = result;
}

// A document may hold keys such as "constructor" and "__proto__": only own ones of ours are known.
function isKeyOf<T extends object>(checks: Checks<T>, key: string): key is keyof T & string {
  return Object.hasOwn(checks, key);
}

/** An array of tables, as [[host]] makes it; `title` names it in messages. */
export function tables<T>(title: string, each: Check<T>): Check<readonly T[]> {
  const none = value<never>(`written as ${title}`, () => undefined);
  return (value, path, problems) => {
    if (!Array.isArray(value)) return none(value, path, problems);
    return all(value, each, path, problems);
  };
}

/** Every item; undefined where one is wrong. */
function all<T>(
  items: readonly unknown[],
  check: Check<T>,
  path: TomlPath,
  problems: Problem[],
): readonly T[] | undefined {
  const good: T[] = [];
  for (const [index, item] of items.entries()) {
    const read = check(item, [...path, index], problems);
    if (read !== undefined) good.push(read);
  }
  return good.length === items.length ? good : undefined;
}

export const bool: Check<boolean> = value("true or false", (value) =>
  typeof value === "boolean" ? value : undefined,
);

/** A TCP port. Integers of the document are bigints, so that the float 25.0 is not taken for one. */
export const port: Check<number> = value("a port from 1 to 65535", portOf);

/** HOST:PORT as the server sees it. */
export const endpoint: Check<Endpoint> = value('HOST:PORT, as in "mail:25" or "[::1]:25"', (value) =>
  typeof value === "string" ? endpointOf(value) : undefined,
);

export function portOf(value: unknown): number | undefined {
  return typeof value === "bigint" && value >= 1n && value <= 65_535n ? Number(value) : undefined;
}

function endpointOf(text: string): Endpoint | undefined {
  const [, bracketed, plain, digits] = /^(?:\[([^\]]*)\]|([^:[\]]*)):([0-9]{1,5})$/.exec(text) ?? [];
  const host = bracketed ?? plain;
  const port = portOf(BigInt(digits ?? 0));
  if (host === undefined || port === undefined || !isHostname(host)) return undefined;
  // Only an IPv6 address is written in brackets (RFC 3986 section 3.2.2); it may have a zone.
  return bracketed === undefined || /^[0-9A-Fa-f.]*:[0-9A-Fa-f:.]*(?:%.+)?$/.test(bracketed)
    ? { host, port }
    : undefined;
}

/**
 * Whether a text can be a file's path. It has to be absolute, because the directory that a mail client
 * happens to start us in is nobody's choice; "~/" is expanded where the file is used.
 */
export function isPath(text: string): boolean {
  return isPlain(text) && (text.startsWith("/") || text.startsWith("~/"));
}

/** Whether a text is not empty and free of control characters. */
export function isPlain(text: string): boolean {
  return text !== "" && !hasControl(text);
}

/** Whether a value of the document is a table. */
export function isTable(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value) && !(value instanceof Date);
}

/** What messages call the value at a path: its dotted key within [defaults], [[host]] or [[forward]]. */
function keyOf(path: TomlPath): string {
  const names = path.filter((part) => typeof part === "string");
  return names.slice(names.length > 1 ? 1 : 0).join(".");
}
