import { createHash } from "node:crypto";
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { npm } from "../../test/setup/npm.mjs";
import { root, run } from "./run.mjs";

/**
 * The systems that a release is for. `runtime` is the npm package of Bun's runtime, `target` what Bun's compiler calls the
 * system. x64 with glibc is built on such a system itself. macOS on Intel is left out while the signature of its executable
 * does not hold, FreeBSD until somebody has run it.
 */
export const SYSTEMS = [
  { name: "linux-x64", runtime: "@oven/bun-linux-x64", target: "bun-linux-x64" },
  { name: "linux-arm64", runtime: "@oven/bun-linux-aarch64", target: "bun-linux-arm64" },
  { name: "linux-x64-musl", runtime: "@oven/bun-linux-x64-musl", target: "bun-linux-x64-musl" },
  { name: "linux-arm64-musl", runtime: "@oven/bun-linux-aarch64-musl", target: "bun-linux-arm64-musl" },
  { name: "macos-arm64", runtime: "@oven/bun-darwin-aarch64", target: "bun-darwin-arm64" },
];

const cache = join(root, "dist", "runtimes");

/** The path of a system's Bun runtime; fetched once, and held against the sha512 of package-lock.json. */
export function runtimeOf({ runtime }) {
  const { version, integrity } = locked(runtime);
  const folder = join(cache, `${runtime.replace("/", "-")}-${version}`);
  const file = join(folder, "package", "bin", "bun");
  if (existsSync(file)) return file;
  process.stdout.write(`release: ${runtime} ${version}\n`);
  const work = `${folder}.new`;
  rmSync(work, { recursive: true, force: true });
  mkdirSync(work, { recursive: true });
  npm(["pack", `${runtime}@${version}`], work);
  const [archive] = readdirSync(work);
  if (archive === undefined) throw new Error(`${runtime} could not be fetched`);
  const sum = `sha512-${createHash("sha512")
    .update(readFileSync(join(work, archive)))
    .digest("base64")}`;
  if (sum !== integrity)
    throw new Error(`${runtime}: package-lock.json has ${integrity}, what came has ${sum}`);
  run("tar", ["-xzf", archive], { cwd: work });
  rmSync(join(work, archive));
  renameSync(work, folder);
  chmodSync(file, 0o755);
  return file;
}

/** What package-lock.json says of a package. Throws where it has no sha512: what cannot be held against one is not run. */
function locked(name) {
  const entry = JSON.parse(readFileSync(join(root, "package-lock.json"), "utf8")).packages[
    `node_modules/${name}`
  ];
  if (!entry?.integrity?.startsWith("sha512-")) throw new Error(`package-lock.json has no sha512 of ${name}`);
  return entry;
}
