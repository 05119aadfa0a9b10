import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { root } from "./npm.mjs";

/** Debian's release whose own sshd is too old, and where the same release has a later one. */
const RELEASE = "bookworm";
const SOURCES = `Types: deb
URIs: http://deb.debian.org/debian
Suites: ${RELEASE}-backports
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg
`;

/** The first OpenSSH whose server has ML-KEM. */
const WANTED = [9, 9];

const folder = join(root, "test", ".cache", "openssh");

/** The packages of the server, and of the client beside it. */
const SERVER = ["openssh-server"];
const BOTH = [...SERVER, "openssh-client"];

/**
 * Unpacks a later openssh-server below test/.cache, once, where the system's own is too old for ML-KEM, and the ssh
 * of the same release beside it for the benchmark (`client`). Neither the system's packages nor its apt are changed.
 * test/peers/recent_sshd.ts finds them there.
 */
export function provideRecentSshd({ client } = { client: false }) {
  const unpacked = join(folder, "usr", "sbin", "sshd");
  const ssh = join(folder, "usr", "bin", "ssh");
  if (["/usr/sbin/sshd", "/usr/local/sbin/sshd"].some(isRecent)) return;
  if (isRecent(unpacked) && (!client || isRecent(ssh))) return;
  const os = existsSync("/etc/os-release") ? readFileSync("/etc/os-release", "utf8") : "";
  if (!new RegExp(`^VERSION_CODENAME=${RELEASE}$`, "m").test(os)) {
    return miss(`no sshd of OpenSSH ${WANTED.join(".")} or later`);
  }
  process.stdout.write("setup: a later sshd, beside the system's\n");
  try {
    // What is unpacked already stays: the folder is put in place whole.
    download(client || existsSync(ssh) ? BOTH : SERVER);
    if (!isRecent(unpacked)) throw new Error(`${unpacked} does not run`);
  } catch (error) {
    miss(error.message);
  }
}

/** In a folder of its own, which is put in place whole. */
function download(packages) {
  const work = `${folder}.${process.pid}`;
  try {
    for (const name of ["lists/partial", "cache/archives/partial", "root"]) {
      mkdirSync(join(work, name), { recursive: true });
    }
    const sources = join(work, "backports.sources");
    writeFileSync(sources, SOURCES);
    const settings = [
      `Dir::Etc::sourcelist=${sources}`,
      "Dir::Etc::sourceparts=/nonexistent",
      `Dir::State::Lists=${join(work, "lists")}`,
      `Dir::Cache=${join(work, "cache")}`,
      "APT::Sandbox::User=root",
    ];
    const options = ["-qq", ...settings.flatMap((setting) => ["-o", setting])];
    run("apt-get", [...options, "update"], work);
    run("apt-get", [...options, "download", ...packages], work);
    for (const archive of readdirSync(work).filter((name) => name.endsWith(".deb"))) {
      run("dpkg", ["-x", archive, "root"], work);
    }
    rmSync(folder, { recursive: true, force: true });
    renameSync(join(work, "root"), folder);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

function run(program, words, cwd) {
  const { status, error } = spawnSync(program, words, { cwd, stdio: ["ignore", "ignore", "inherit"] });
  if (status !== 0) throw new Error(`${program} ${words.at(-1)} failed${error ? `: ${error.message}` : ""}`);
}

/** 9.2 knows no -V, and says its version on the way to saying so. */
function isRecent(path) {
  const { stderr } = spawnSync(path, ["-V"], { encoding: "utf8" });
  const [, major, minor] = /^OpenSSH_(\d+)\.(\d+)/m.exec(stderr ?? "")?.map(Number) ?? [];
  return major > WANTED[0] || (major === WANTED[0] && minor >= WANTED[1]);
}

/** Without it the tests against it are skipped, which must not go unseen in CI. */
function miss(reason) {
  if (process.env.CI === "true") throw new Error(reason);
  process.stdout.write(`setup: ${reason}; the tests that need it are skipped\n`);
}
