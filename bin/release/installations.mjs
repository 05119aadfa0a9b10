import { existsSync, mkdirSync } from "node:fs";
import { basename, join } from "node:path";
import { manifest } from "./manifest.mjs";
import { root, run } from "./run.mjs";
import { exercise } from "./trials.mjs";

const { version } = manifest;

/** A user of no name, as whom others' installations are tried. */
const ORDINARY = 65_534;

/** Runs npm as an ordinary user with a home of their own, below `work`; gives the prefix that it has installed into. */
function installAsOrdinary(name, words, work) {
  const home = join(work, name);
  const prefix = join(home, "prefix");
  mkdirSync(prefix, { recursive: true });
  run("chown", ["-R", `${ORDINARY}:${ORDINARY}`, home]);
  run("chmod", ["a+rx", work]);
  const user = [`--reuid=${ORDINARY}`, `--regid=${ORDINARY}`, "--clear-groups"];
  run("setpriv", [...user, "npm", "install", "--global", "--prefix", prefix, ...words], {
    cwd: home,
    env: { HOME: home, npm_config_cache: join(home, "cache") },
  });
  for (const page of manifest.man) {
    const place = join(prefix, "share", "man", `man${page.slice(-1)}`, basename(page));
    if (!existsSync(place)) throw new Error(`${page} is not linked at ${place}`);
  }
  return prefix;
}

/** The package, installed by an ordinary user, without any network. */
export function checkNpmPackage(archive, work) {
  const prefix = installAsOrdinary("npm", ["--offline", archive], work);
  return exercise([join(prefix, "bin", "preauth")]);
}

/** The same from a clone: `npm install -g git+...` builds what the package consists of. */
export function checkNpmClone(work) {
  const home = join(work, "npm-git");
  mkdirSync(home);
  const clone = join(home, "clone");
  run("git", ["clone", "--quiet", root, clone]);
  const prefix = installAsOrdinary("npm-git", [`git+file://${clone}`], work);
  const said = run(join(prefix, "bin", "preauth"), ["--version"]);
  if (said !== `preauth ${version}\n`) throw new Error(`--version says ${said}`);
}

/** Installs, uses, installs again while a process in the background runs, and removes. Needs root. */
export async function checkDeb(own, foreign) {
  for (const file of [own, foreign]) {
    const said = run("lintian", ["--fail-on", "error,warning", "--no-tag-display-limit", "-I", file]);
    if (/unused-override/.test(said)) throw new Error(`an override has nothing to pass over:\n${said}`);
  }
  run("dpkg", ["-i", own]);
  let said;
  try {
    said = await exercise(["/usr/bin/preauth"], { between: `dpkg -i ${own}` });
  } finally {
    run("dpkg", ["-r", "preauth"]);
  }
  if (existsSync("/usr/bin/preauth")) throw new Error("dpkg -r has left /usr/bin/preauth");
  return said;
}

/** Installs below a root of its own, verifies, uses and erases. What it requires is not there, and is only read. */
export async function checkRpm(out, work) {
  const folder = join(work, "rpm");
  mkdirSync(folder);
  const file = join(out, `preauth-${version}.x86_64.rpm`);
  const rpm = (...words) => run("rpm", ["--root", folder, ...words]);
  for (const one of [file, join(out, `preauth-${version}.aarch64.rpm`)]) {
    rpm("--checksig", "--nosignature", one);
    const required = rpm("--query", "--package", "--requires", one);
    if (!/^glibc >= 2\.17$/m.test(required)) throw new Error(`${basename(one)} requires ${required}`);
  }
  rpm("--initdb");
  rpm("--install", "--nodeps", file);
  rpm("--verify", "--nodeps", "preauth");
  const said = await exercise([join(folder, "usr/bin/preauth")]);
  rpm("--erase", "preauth");
  if (existsSync(join(folder, "usr/bin/preauth"))) throw new Error("rpm --erase has left /usr/bin/preauth");
  return said;
}
