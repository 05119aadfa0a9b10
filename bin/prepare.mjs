/*
 * What npm runs before it packs a clone: for `npm install` in one, and for `npm install -g git+...`. Builds what the
 * package consists of.
 *
 * npm 11 prepares the clone of a global installation with --global in the environment: it puts a link to the clone where
 * the package is to go, unpacks the package through that link, and removes the clone. So the link makes way for a
 * directory when npm comes here for the second time, to pack.
 */
import { execFileSync } from "node:child_process";
import { existsSync, lstatSync, mkdirSync, realpathSync, unlinkSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const { npm_config_global: isGlobal, npm_config_prefix: prefix = "" } = process.env;
const isBuilt = existsSync(join(root, "dist/preauth.js"));

function leadsHere(place) {
  const isLink = lstatSync(place, { throwIfNoEntry: false })?.isSymbolicLink() === true;
  return isLink && existsSync(place) && realpathSync(place) === realpathSync(root);
}

if (!isBuilt || isGlobal !== "true") {
  execFileSync(process.execPath, ["test/setup.mjs", "build"], { cwd: root, stdio: "inherit" });
  execFileSync(process.execPath, ["bin/build.mjs"], { cwd: root, stdio: "inherit" });
} else {
  const place = join(prefix, "lib/node_modules/preauth");
  if (leadsHere(place)) {
    unlinkSync(place);
    mkdirSync(place);
  }
}
