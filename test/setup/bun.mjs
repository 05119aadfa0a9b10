import { spawnSync } from "node:child_process";
import {
  chmodSync,
  copyFileSync,
  existsSync,
  readdirSync,
  readFileSync,
  renameSync,
  statSync,
} from "node:fs";
import { join } from "node:path";

/*
 * The bun package has a small stand-in for its program until its install script has put the real one there. That script
 * does not run: where npm has left out the package with the program, it fetches one, and nobody has a hash of that. The
 * packages of @oven have theirs in package-lock.json, which npm holds them against.
 */

/** Bytes that no stand-in has. */
const LEAST = 1e6;

/** Puts Bun's program in place. Throws where there is none that package-lock.json has the hash of. */
export function provideBun(root) {
  const folder = join(root, "node_modules", "bun");
  const place = join(folder, "bin", "bun.exe");
  if (!existsSync(folder) || statSync(place, { throwIfNoEntry: false })?.size > LEAST) return;
  const { version } = readJson(join(folder, "package.json"));
  const locked = readJson(join(root, "package-lock.json")).packages;
  const oven = join(root, "node_modules", "@oven");
  const names = existsSync(oven) ? readdirSync(oven).sort() : [];
  for (const name of names) {
    const entry = locked[`node_modules/@oven/${name}`];
    const program = join(oven, name, "bin", "bun");
    if (entry?.version !== version || !entry.integrity || !existsSync(program)) continue;
    chmodSync(program, 0o755);
    // Built for another system or another processor, it does not run.
    if (spawnSync(program, ["--version"], { encoding: "utf8" }).stdout?.trim() !== version) continue;
    copyFileSync(program, `${place}.new`);
    renameSync(`${place}.new`, place);
    return;
  }
  const where = `${process.platform} ${process.arch}`;
  throw new Error(
    `node_modules/@oven has no bun ${version} for ${where} with a hash in package-lock.json, and no other is fetched: npm must not leave out optional packages (npm install --include=optional), and the registry must carry them`,
  );
}

function readJson(path) {
  return JSON.parse(readFileSync(path, "utf8"));
}
