import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** The keys of all of Debian's releases, where its archives are checked against them. */
const KEYS = "/usr/share/keyrings/debian-archive-keyring.gpg";

/**
 * Downloads packages of a suite of Debian's, such as "trixie", and unpacks them into `folder`, which is put in place
 * whole. Neither the system's packages nor its apt are changed; nothing of the packages is run. `groups` are lists of
 * packages that need not go together. With `depends` all that they need comes along, for a root of their own.
 */
export function unpackDebian(folder, { suite, groups, depends = false, finish = () => {} }) {
  const work = `${folder}.${process.pid}`;
  try {
    // A machine that has nothing needs everything.
    const options = aptFor(work, "deb", suite, depends ? ["Dir::State::status=/dev/null"] : []);
    mkdirSync(join(work, "root"));
    const how = depends ? ["-y", "--no-install-recommends", "--download-only", "install"] : ["download"];
    for (const group of groups) run("apt-get", [...options, ...how, ...group], work);
    for (const place of [work, join(work, "cache", "archives")]) {
      for (const name of readdirSync(place).filter((name) => name.endsWith(".deb"))) {
        run("dpkg", ["-x", join(place, name), join(work, "root")], work);
      }
    }
    finish(join(work, "root"));
    rmSync(folder, { recursive: true, force: true });
    renameSync(join(work, "root"), folder);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

/** Downloads the source of a package of a suite, as its authors have made it, and unpacks it into a folder, `work`. */
export function unpackSource(work, suite, name) {
  const options = aptFor(work, "deb-src", suite);
  run("apt-get", [...options, "source", "--download-only", "--tar-only", name], work);
  const [tar] = readdirSync(work).filter((file) => /\.orig\.tar\.\w+$/.test(file));
  run("tar", ["-xf", tar ?? name, "--strip-components=1"], work);
}

/** Words for apt-get that keep it to a suite and to a folder, where it has fetched the lists of packages. */
function aptFor(work, type, suite, more = []) {
  for (const name of ["none", "lists/partial", "cache/archives/partial"]) {
    mkdirSync(join(work, name), { recursive: true });
  }
  const sources = join(work, "debian.sources");
  writeFileSync(sources, sourcesOf(type, suite));
  const settings = [
    `Dir::Etc::sourcelist=${sources}`,
    `Dir::Etc::sourceparts=${join(work, "none")}`,
    `Dir::Etc::preferencesparts=${join(work, "none")}`,
    `Dir::State::Lists=${join(work, "lists")}`,
    `Dir::Cache=${join(work, "cache")}`,
    "APT::Sandbox::User=root",
    ...more,
  ];
  const options = ["-qq", ...settings.flatMap((setting) => ["-o", setting])];
  run("apt-get", [...options, "update"], work);
  return options;
}

/** The release of this Debian, "bookworm"; undefined on another system. */
export function debianRelease() {
  const os = existsSync("/etc/os-release") ? readFileSync("/etc/os-release", "utf8") : "";
  if (!/^ID=debian$/m.test(os)) return undefined;
  return /^VERSION_CODENAME=(\w+)$/m.exec(os)?.[1];
}

/** apt's source for a suite: where the machine's own apt has Debian from, which may be a mirror. */
function sourcesOf(type, suite) {
  const signed = existsSync(KEYS) ? `Signed-By: ${KEYS}\n` : "";
  return `Types: ${type}\nURIs: ${debianAddress()}\nSuites: ${suite}\nComponents: main\n${signed}`;
}

function debianAddress() {
  // Whatever form its sources have, and also before it has fetched anything.
  const { stdout } = spawnSync("apt-get", ["update", "--print-uris"], { encoding: "utf8" });
  const release = debianRelease();
  for (const [, address, suite] of (stdout ?? "").matchAll(/^'(\S+)\/dists\/(\S+)\/InRelease' /gm)) {
    if (suite === release) return address;
  }
  throw new Error(`apt has no source for Debian's ${release ?? "releases"}`);
}

/** Runs a program to its end without its output; `input` is what it reads. Throws when it fails. */
export function run(program, words, cwd, input = "") {
  const { status, error } = spawnSync(program, words, { cwd, input, stdio: ["pipe", "ignore", "inherit"] });
  if (status !== 0) throw new Error(`${program} ${words.at(-1)} failed${error ? `: ${error.message}` : ""}`);
}

/** Something could not be had, and the tests that need it are skipped, which must not go unseen in CI. */
export function miss(reason) {
  if (process.env.CI === "true") throw new Error(reason);
  process.stdout.write(`setup: ${reason}; the tests that need it are skipped\n`);
}
