import { spawnSync } from "node:child_process";
import { existsSync, readFileSync, renameSync, rmSync } from "node:fs";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { provideBun } from "./bun.mjs";
import { OtherFiles, providePatches } from "./patches.mjs";

export const root = fileURLToPath(new URL("../..", import.meta.url));

/** Runs npm in `folder`; its errors are shown, the rest is not. Throws when it fails. */
export function npm(words, folder = root) {
  const quiet = ["--no-progress", "--no-fund", "--no-audit", "--loglevel=error", "--ignore-scripts"];
  // Under `npm run` this is the npm that runs us; it need not be the one on PATH.
  const script = process.env.npm_execpath?.endsWith("npm-cli.js") ? process.env.npm_execpath : undefined;
  const [program, first] = script === undefined ? ["npm", []] : [process.execPath, [script]];
  // `npm install -g git+...` prepares a clone with its own options in the environment: this one is not for all.
  const {
    npm_config_global: _global,
    npm_config_location: _location,
    npm_config_prefix: _prefix,
    ...env
  } = process.env;
  const result = spawnSync(program, [...first, ...words, ...quiet], {
    cwd: folder,
    env,
    stdio: ["ignore", "ignore", "inherit"],
  });
  if (result.error !== undefined) throw new Error(`npm could not be started: ${result.error.message}`);
  if (result.status !== 0) throw new Error(`npm ${words.join(" ")} failed in ${folder}`);
}

/** Installs what package-lock.json says, unless it is there, and patches it. */
export function provideNpmPackages() {
  install();
  try {
    providePatches(root);
  } catch (error) {
    if (!(error instanceof OtherFiles)) throw error;
    // By an earlier form of the patch, mostly; what somebody is working on is put aside.
    const aside = join(error.folder, "..", `.${basename(error.folder)}.aside`);
    rmSync(aside, { recursive: true, force: true });
    renameSync(error.folder, aside);
    process.stdout.write(`setup: ${error.folder} was changed, and is put aside as ${aside}\n`);
    install();
    providePatches(root);
  }
}

function install() {
  if (!isInstalled()) {
    process.stdout.write("setup: npm packages\n");
    // Not `npm ci`: it wants the lock file to name the optional packages of every system, and a registry
    // that does not carry them leaves them out. Versions and checksums are those of the lock file all the
    // same, and --no-save leaves it as it is. NODE_ENV=production would leave out what the build needs.
    npm(["install", "--no-save", "--include=dev"]);
  }
  provideBun(root);
}

function readJson(path) {
  return JSON.parse(readFileSync(join(root, path), "utf8"));
}

/*
 * npm writes node_modules/.package-lock.json at the end of an installation that went well: the entries of
 * the lock file that are on disk. Only optional ones, made for one system each, may be more or fewer.
 */
function isInstalled() {
  try {
    const wanted = readJson("package-lock.json").packages;
    const present = readJson("node_modules/.package-lock.json").packages;
    const missing = Object.entries(wanted).filter(([path, entry]) => {
      const there = present[path];
      if (path === "" || (entry.optional === true && there === undefined)) return false;
      return there?.version !== entry.version || !existsSync(join(root, path, "package.json"));
    });
    const surplus = Object.keys(present).filter(
      (path) => !present[path].optional && wanted[path] === undefined,
    );
    return missing.length === 0 && surplus.length === 0;
  } catch {
    return false;
  }
}
