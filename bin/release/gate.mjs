import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
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
    await step(`linux-x64 on ${OLDEST}`, () => runOldest(unpacked("linux-x64")));
    await step("linux-arm64", () =>
      exercise([unpacked("linux-arm64")], {
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
      exercise([unpacked("linux-arm64-musl")], {
        files: { [PREFIX]: { link: muslRoot() } },
        formats: [AARCH64],
      }),
    );
    await step("macos-arm64", () => checkMachO(readFileSync(unpacked("macos-arm64"))));
    await step("npm", () => checkNpmPackage(join(out, `preauth-${version}.tgz`), work));
    await step("deb", () =>
      checkDeb(join(out, `preauth_${version}_amd64.deb`), join(out, `preauth_${version}_arm64.deb`)),
    );
    await step("rpm", () => checkRpm(out, work));
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
export async function exercise(words, { between = "", ...surroundings } = {}) {
  const all = ["--import", "tsx", "test/release/exercise.ts", version, between, ...words];
  if (Object.keys(surroundings).length === 0) return run(process.execPath, all);
  return inNamespace([process.execPath, ...all], surroundings);
}

function runOldest(executable) {
  const emulated = (words, status) =>
    run("qemu-x86_64-static", ["-cpu", OLDEST, executable, ...words], { status });
  if (emulated(["--version"], 0) !== `preauth ${version}\n`) throw new Error("--version");
  emulated(["unknown.test", "jane", "imap"], 69);
}

/** `npm install -g` as an ordinary user would, into a prefix of one's own. */
async function checkNpmPackage(archive, work) {
  const prefix = join(work, "npm");
  mkdirSync(prefix);
  run("npm", ["install", "--global", "--offline", "--prefix", prefix, archive]);
  for (const page of manifest.man) {
    const place = join(prefix, "share", "man", `man${page.slice(-1)}`, basename(page));
    if (!existsSync(place)) throw new Error(`${page} is not linked at ${place}`);
  }
  return exercise([join(prefix, "bin", "preauth")]);
}

/** Installs, uses, installs again while a process in the background runs, and removes. Needs root. */
async function checkDeb(own, foreign) {
  for (const file of [own, foreign]) run("lintian", ["--fail-on", "error", "--no-tag-display-limit", file]);
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

async function checkRpm(out, work) {
  const folder = join(work, "rpm");
  mkdirSync(folder);
  const file = join(out, `preauth-${version}.x86_64.rpm`);
  run("sh", ["-c", 'rpm2cpio "$1" | cpio -id --quiet', "sh", file], { cwd: folder });
  return exercise([join(folder, "usr/bin/preauth")]);
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
