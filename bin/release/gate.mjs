import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { homedir, tmpdir } from "node:os";
import { basename, join } from "node:path";
import { debianRoot, muslLibraries, muslRoot } from "./foreign_libraries.mjs";
import { checkMachO } from "./mach_o.mjs";
import { manifest } from "./manifest.mjs";
import { inNamespace } from "./namespace.mjs";
import { root, run } from "./run.mjs";

const { version } = manifest;

/** The oldest processor that the x64 executables claim to run on (SSE4.2), and one before it. */
const OLDEST = "Nehalem";

/** Has the kernel run the executables of aarch64 by qemu; "F": by this very file, whatever the namespace. */
const AARCH64 = [
  ":preauth-aarch64:M::",
  "\\x7fELF\\x02\\x01\\x01\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x02\\x00\\xb7\\x00:",
  "\\xff\\xff\\xff\\xff\\xff\\xff\\xff\\x00\\xff\\xff\\xff\\xff\\xff\\xff\\xff\\xff\\xfe\\xff\\xff\\xff:",
  "/usr/bin/qemu-aarch64-static:F",
].join("");

/** Where Debian's qemu looks for the libraries of what it runs. */
const PREFIX = "qemu-binfmt/aarch64";

/** Opens and runs every artefact in `out`, and builds them all once more, in another directory. Throws at the first fault. */
export async function check(out) {
  const work = mkdtempSync(join(tmpdir(), "preauth-gate-"));
  const step = async (what, act) => {
    const said = await act();
    process.stdout.write(
      `gate: ${what}: ok\n${said ? said.replace(/^/gm, "gate:   ").trimEnd().concat("\n") : ""}`,
    );
  };
  try {
    const unpacked = (name) => unpack(out, `preauth-${version}-${name}.tar.gz`, work);
    await step("linux-x64", () => exercise([unpacked("linux-x64")]));
    await step(`linux-x64 on ${OLDEST}`, () => runOldest(unpacked("linux-x64"), work));
    await step("linux-arm64", () =>
      exerciseEmulated([unpacked("linux-arm64")], {
        files: { [PREFIX]: { link: debianRoot("arm64") } },
        formats: [AARCH64],
      }),
    );
    await step("linux-x64-musl", () =>
      exercise([unpacked("linux-x64-musl")], {
        files: { "ld-musl-x86_64.path": `${muslLibraries("x64")}\n` },
      }),
    );
    await step("linux-arm64-musl", () =>
      exerciseEmulated([unpacked("linux-arm64-musl")], {
        files: { [PREFIX]: { link: muslRoot() } },
        formats: [AARCH64],
      }),
    );
    await step("macos-arm64", () => checkMachO(readFileSync(unpacked("macos-arm64"))));
    await step("npm", () => checkNpmPackage(join(out, `preauth-${version}.tgz`), work));
    await step("npm install -g git+file://", () => checkNpmClone(work));
    await step("deb", () =>
      checkDeb(join(out, `preauth_${version}_amd64.deb`), join(out, `preauth_${version}_arm64.deb`)),
    );
    await step("rpm", () => checkRpm(out, work));
    await step("arm64 packages", () => checkForeignPackages(out, work, unpacked("linux-arm64")));
    await step("no path of the builder", () => checkPaths(out, work));
    await step("the same bytes from another directory", () => checkReproducible(out, work));
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

/** Unpacks an archive once, and gives the path of its executable. */
function unpack(out, name, work) {
  const folder = join(work, name.replace(/\.tar\.gz$/, ""));
  if (!existsSync(folder)) run("tar", ["-xzf", join(out, name), "-C", work]);
  return join(folder, "preauth");
}

/** See test/release/exercise.ts; `between`: a command of a shell's that is run between two shared calls. */
export async function exercise(words, { between = "", mostLogins = 2, ...surroundings } = {}) {
  const all = ["--import", "tsx", "test/release/exercise.ts", version, between, String(mostLogins), ...words];
  if (Object.keys(surroundings).length === 0) return run(process.execPath, all);
  return inNamespace([process.execPath, ...all], surroundings);
}

/**
 * The same for a program that is emulated: on a busy machine it may take longer than the second that a call waits for the
 * process in the background, and the call then logs in by itself.
 */
function exerciseEmulated(words, surroundings) {
  return exercise(words, { ...surroundings, mostLogins: 4 });
}

/** The version, and a refusal by a table that has nobody. */
function runOldest(executable, work) {
  const table = join(work, "hosts.toml");
  writeFileSync(table, "");
  const emulated = (words, status) =>
    run("qemu-x86_64-static", ["-cpu", OLDEST, executable, ...words], {
      status,
      env: { PREAUTH_TABLE: table },
    });
  if (emulated(["--version"], 0) !== `preauth ${version}\n`) throw new Error("--version");
  emulated(["unknown.test", "jane", "imap"], 1);
}

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
function checkNpmPackage(archive, work) {
  const prefix = installAsOrdinary("npm", ["--offline", archive], work);
  return exercise([join(prefix, "bin", "preauth")]);
}

/** The same from a clone: `npm install -g git+...` builds what the package consists of. */
function checkNpmClone(work) {
  const home = join(work, "npm-git");
  mkdirSync(home);
  const clone = join(home, "clone");
  run("git", ["clone", "--quiet", root, clone]);
  const prefix = installAsOrdinary("npm-git", [`git+file://${clone}`], work);
  const said = run(join(prefix, "bin", "preauth"), ["--version"]);
  if (said !== `preauth ${version}\n`) throw new Error(`--version says ${said}`);
}

/** Installs, uses, installs again while a process in the background runs, and removes. Needs root. */
async function checkDeb(own, foreign) {
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
async function checkRpm(out, work) {
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

/** The packages for arm64 have the executable that was used from its archive. */
function checkForeignPackages(out, work, executable) {
  const packed = [
    [`preauth_${version}_arm64.deb`, 'dpkg-deb -x "$1" .'],
    [`preauth-${version}.aarch64.rpm`, 'rpm2cpio "$1" | cpio -id --quiet'],
  ];
  for (const [name, command] of packed) {
    const folder = join(work, `tree-${name}`);
    mkdirSync(folder);
    run("sh", ["-c", command, "sh", join(out, name)], { cwd: folder });
    run("cmp", [executable, join(folder, "usr/bin/preauth")]);
  }
}

/** Looks through every artefact, unpacked, for where it was built. */
function checkPaths(out, work) {
  for (const name of readdirSync(out)) {
    const folder = join(work, "paths", name);
    mkdirSync(folder, { recursive: true });
    const file = join(out, name);
    if (/gz$/.test(name)) run("tar", ["-xzf", file, "-C", folder]);
    else if (name.endsWith(".deb")) run("dpkg-deb", ["-R", file, folder]);
    else if (name.endsWith(".rpm"))
      run("sh", ["-c", 'rpm2cpio "$1" | cpio -id --quiet', "sh", file], { cwd: folder });
    else cpSync(file, join(folder, name));
    for (const path of [root.replace(/\/$/, ""), homedir(), "preauth-release-"]) {
      if (path.length < 6) continue;
      const found = run("sh", ["-c", 'grep -rlaF -e "$1" "$2" || true', "sh", path, folder]).trim();
      if (found !== "") throw new Error(`${name}: "${path}" stands in ${found}`);
    }
    rmSync(folder, { recursive: true, force: true });
  }
}

/** A clone in another directory, with the same packages. */
function checkReproducible(out, work) {
  const clone = join(work, "another place");
  run("git", ["clone", "--quiet", root, clone]);
  cpSync(join(root, "node_modules"), join(clone, "node_modules"), {
    recursive: true,
    verbatimSymlinks: true,
  });
  mkdirSync(join(clone, "dist"));
  symlinkSync(join(root, "dist", "runtimes"), join(clone, "dist", "runtimes"));
  run(process.execPath, ["bin/release.mjs"], { cwd: clone });
  const sums = (folder) => readFileSync(join(folder, "SHA256SUMS"), "utf8");
  const [first, second] = [sums(out), sums(join(clone, "dist", "release"))];
  const differing = first.split("\n").filter((line) => !second.includes(line));
  if (differing.length > 0) throw new Error(`not the same bytes: ${differing.join(", ")}`);
}
