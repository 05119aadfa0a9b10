import { byteLength } from "../utf8.ts";
import { hasControl } from "./characters.ts";
import { isHostname, isMethod, isUser } from "./names.ts";
import type { Problem } from "./problem.ts";
import { quoted } from "./problem.ts";
import type { Host, HostKeys, PortCommand, TomlPath } from "./table.ts";
import { parseTime } from "./time.ts";
import type { Check, Checks } from "./values.ts";
import { bool, endpoint, isPath, isPlain, isTable, list, port, table, text, value, word } from "./values.ts";

/** Bytes: no name is longer (names.ts). */
const LONGEST_GLOB = 255;

/** The list of `match` and of `via`. */
export const globs = list('a glob, as in "*.isp.com" or "!www.isp.com"', (glob) => {
  return isPlain(glob) && glob !== "!" && byteLength(glob) <= LONGEST_GLOB;
});

const paths = list('an absolute path or one that begins with "~/"', isPath);

// ssh(1) takes "-F none" for no ssh_config at all.
const sshConfig = text('an absolute path, one that begins with "~/", or "none"', (path) => {
  return path === "none" || isPath(path);
});

const line = text('a command line ("auto" is for commands.imap)', (text) => isLine(text) && text !== "auto");
const PORT_TO = 'a port, as in { to = "localhost:143" }';
const otherLine = text(`a command line ("auto" is for commands.imap), or ${PORT_TO}`, (text) => {
  return isLine(text) && text !== "auto";
});
const imapLine = text(`a command line, "auto", or ${PORT_TO}`, isLine);
const noLines = value<never>('a table, as in commands.imap = "auto"', () => undefined);

const HOST_KEYS: Checks<HostKeys> = {
  server: text("a host name, an address, or an alias of ssh_config", isHostname),
  user: text("a login name", isUser),
  port,
  identity: paths,
  ssh_config: sshConfig,
  known_hosts: paths,
  compression: bool,
  on_failure: word("refuse", "tell", "silent"),
  deadline: value('a time above zero and up to 596h, as in "10s" (ms, s, m or h)', (value) => {
    return typeof value === "string" ? parseTime(value) || undefined : undefined;
  }),
  share: bool,
  persist: value('a time of up to 596h, as in "10m" (ms, s, m or h), "0", or "forever"', (value) => {
    if (value === "0") return 0;
    if (value === "forever") return value;
    return typeof value === "string" ? parseTime(value) : undefined;
  }),
  spare: value("0 or 1", (value) => (value === 0n ? 0 : value === 1n ? 1 : undefined)),
  command: line,
  commands,
};

/**
 * Whether a text can go to the login shell. It may have lines and tabs of its own, as multi-line strings of
 * TOML make them; a carriage return would become part of the last word.
 */
function isLine(text: string): boolean {
  return text.trim() !== "" && !hasControl(text.replaceAll("\n", "").replaceAll("\t", ""));
}

/** The table [defaults]. */
export const defaults: Check<HostKeys> = table("[defaults]", HOST_KEYS);

const hostKeys = table<Host>("[[host]]", { match: globs, ...HOST_KEYS });

/** One [[host]]. */
export const host: Check<Host> = (value, path, problems) => {
  const keys = hostKeys(value, path, problems);
  if (isTable(value) && !Object.hasOwn(value, "match")) {
    problems.push({ path, part: "key", what: "[[host]] has no match" });
  }
  return keys?.match === undefined ? undefined : { ...keys, match: keys.match };
};

/** The lines of `commands`, by METHOD. */
function commands(value: unknown, path: TomlPath, problems: Problem[]): HostKeys["commands"] | undefined {
  if (!isTable(value)) return noLines(value, path, problems);
  const lines: Record<string, string | PortCommand> = {};
  for (const [method, given] of Object.entries(value)) {
    const where = [...path, method];
    if (!isMethod(method))
      problems.push({ path: where, part: "key", what: `${quoted(method)} is not a METHOD` });
    const read = (isTable(given) ? portCommand : method === "imap" ? imapLine : otherLine)(
      given,
      where,
      problems,
    );
    if (read !== undefined) lines[method] = read;
  }
  return lines;
}

/** A METHOD that is a port on the server. */
const portCommand: Check<PortCommand> = (value, path, problems) => {
  const title = path.slice(-2).join(".");
  const keys = table<PortCommand>(title, { to: endpoint, login: word("client") })(value, path, problems);
  if (isTable(value) && !Object.hasOwn(value, "to")) {
    problems.push({
      path,
      part: "value",
      what: `${title} has no to, as in ${title} = { to = "localhost:143" }`,
    });
  }
  return keys?.to === undefined ? undefined : { ...keys, to: keys.to };
};
