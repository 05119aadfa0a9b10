import { readFileSync } from "node:fs";
import { join } from "node:path";
import { root, run } from "./run.mjs";

/** package.json: the one place that the version stands in. */
export const manifest = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));

/** Seconds since 1970 that every file of a release bears: the time of the commit (reproducible-builds.org). */
export function epoch() {
  return process.env.SOURCE_DATE_EPOCH ?? run("git", ["log", "-1", "--format=%ct"]).trim();
}

/** Who answers for packages: whoever made the commit, as "NAME <ADDRESS>". */
export function maintainer() {
  return run("git", ["log", "-1", "--format=%an <%ae>"]).trim();
}

/** Throws with the first thing that keeps this tree from being released. */
export function requireReleasable() {
  const { version } = manifest;
  const changed = run("git", ["status", "--porcelain"]).trimEnd();
  if (changed !== "") throw new Error(`the tree has changes that are not committed:\n${changed}`);
  const read = (path) => readFileSync(join(root, path), "utf8");
  if (!read("CHANGELOG.md").includes(`\n## [${version}]`)) {
    throw new Error(`CHANGELOG.md has no section [${version}]`);
  }
  for (const page of manifest.man) {
    if (!read(page).includes(`\n.Os preauth ${version}\n`)) {
      throw new Error(
        `${page} is not of version ${version}: its .Os line should be ".Os preauth ${version}"`,
      );
    }
  }
}
