import { posix } from "node:path";
import { parse, TomlError } from "smol-toml";
import type { PlacedProblem } from "./failure.ts";
import { TableFailure } from "./failure.ts";
import { forwards } from "./forward.ts";
import { defaults, host } from "./host.ts";
import type { Problem } from "./problem.ts";
import { quoted, shown } from "./problem.ts";
import type { Forward, Host, HostKeys, Table } from "./table.ts";
import { table, tables } from "./values.ts";

interface Tables {
  readonly defaults: HostKeys;
  readonly host: readonly Host[];
  readonly forward: readonly Forward[];
}

const hosts = tables("[[host]]", host);

/** What the text of a table does not tell of its files. */
export interface Files {
  /** What the tilde of a forward's socket means; it stays where there is none. */
  readonly home?: string | undefined;
  /** The directory that a directory's name leads to, through symbolic links; the name itself where there is none. */
  readonly realDirectory?: (directory: string) => string;
}

/**
 * Reads and checks the text of a table; `file` is what messages call it. Throws a TableFailure that holds all that is wrong with it, or the first thing when
 * it is not TOML at all (https://toml.io/en/v1.1.0).
 */
export async function parseTable(text: string, file: string, files: Files = {}): Promise<Table> {
  const source = text.startsWith("\ufeff") ? text.slice(1) : text;
  const problems: Problem[] = [];
  const forward = forwards((path) => placeOf(path, files));
  const document = table<Tables>("the table", { defaults, host: hosts, forward });
  const read = document(parseToml(source, file), [], problems);
  if (problems.length > 0) throw await failureOf(problems, source, file);
  // Told apart by its path in the process in the background and in --status: so it is whole from the beginning.
  const whole = (read?.forward ?? []).map((one) => ({ ...one, listen: atHome(one.listen, files.home) }));
  return { file, defaults: read?.defaults ?? {}, hosts: read?.host ?? [], forwards: whole };
}

function atHome<T extends string | number>(listen: T, home: string | undefined): T | string {
  if (home === undefined || typeof listen !== "string") return listen;
  return listen.replace(/^~(?=\/)/, () => home);
}

/** Two paths of one socket have one place. */
export function placeOf(path: string, { home, realDirectory = (directory) => directory }: Files): string {
  const { dir, base } = posix.parse(atHome(path, home));
  return posix.join(realDirectory(dir), base);
}

function parseToml(source: string, file: string): unknown {
  try {
    return parse(source, { integersAsBigInt: true });
  } catch (error) {
    if (!(error instanceof TomlError)) throw error;
    // The message goes on with a drawing of the lines around the error.
    const [reason = ""] = error.message.replace(/^Invalid TOML document: /, "").split("\n");
    const what = `${reason}${neighbourhood(source, error.line)}`;
    throw new TableFailure({ where: `${file}:${error.line}:${error.column}`, what }, [], { cause: error });
  }
}

/** The line of a syntax error; where it is blank (at the end of the file, mostly), the last one before it. */
function neighbourhood(source: string, line: number): string {
  const lines = source.split(/\r?\n/, line).map((text) => text.trim());
  const near = lines.findLastIndex((text) => text !== "");
  if (near < 0) return "";
  return `${near === line - 1 ? ":" : ", after"} ${quoted(lines[near] ?? "")}`;
}

/** The failure that tells all problems, in the order of the file. The parser with places is loaded only now. */
async function failureOf(problems: readonly Problem[], source: string, file: string): Promise<TableFailure> {
  const { spotsOf } = await import("./positions.js");
  const spotAt = spotsOf(source);
  const placed = problems.map(({ path, part, what, ...rest }) => {
    const { line, column, text } = spotAt(path, part);
    const cited = "value" in rest ? `${what}, not ${text ?? shown(rest.value)}` : what;
    return { line, column, where: `${file}:${line}:${column}`, what: cited };
  });
  placed.sort((one, other) => one.line - other.line || one.column - other.column);
  const [first, ...others]: PlacedProblem[] = placed;
  if (first === undefined) throw new Error("a table was refused without a problem");
  return new TableFailure(first, others);
}
