import { execFileSync } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** A Node to run the second form on. */
export interface NodeBinary {
  /** `22.23.3`. */
  readonly version: string;
  readonly path: string;
}

/** The lines of Node that must do. */
const MAJORS = [20, 22, 24, 26];

/** Where `node test/setup.mjs nodes` puts them. */
const CACHE = fileURLToPath(new URL("../.cache", import.meta.url));

/** The Node that runs the tests and those that set-up has brought, by version. */
export function nodeBinaries(): readonly NodeBinary[] {
  const own = { version: process.versions.node, path: process.execPath };
  const others = MAJORS.filter((major) => major !== majorOf(own)).map(installed);
  return [own, ...others.filter((node) => node !== undefined)].sort((a, b) => majorOf(a) - majorOf(b));
}

/**
 * For the `skip` of a test on all lines: false when all are there, else what is missing. In CI nothing is
 * skipped: it throws.
 */
export function skipWithoutNodes(): string | false {
  const present = nodeBinaries().map(majorOf);
  const missing = MAJORS.filter((major) => !present.includes(major));
  if (missing.length === 0) return false;
  const reason = `Node ${missing.join(", ")} missing: node test/setup.mjs nodes`;
  if (process.env.CI === "true") throw new Error(reason);
  return reason;
}

function majorOf(node: NodeBinary): number {
  return Number(node.version.split(".")[0]);
}

function installed(major: number): NodeBinary | undefined {
  const modules = join(CACHE, `node${major}`, "node_modules");
  const name = names(modules).find((entry) => entry.startsWith("node-"));
  const path = join(modules, name ?? "", "bin", "node");
  if (!existsSync(path)) return undefined;
  return { version: execFileSync(path, ["--version"], { encoding: "utf8" }).trim().slice(1), path };
}

function names(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}
