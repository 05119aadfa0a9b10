import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { debianRelease, miss, unpackDebian } from "./debian.mjs";
import { root } from "./npm.mjs";

/** Debian's release whose own sshd is too old, and whose backports have a later one. */
const RELEASE = "bookworm";

/** The first OpenSSH whose server has ML-KEM. */
const WANTED = [9, 9];

const folder = join(root, "test", ".cache", "openssh");

/** The packages of the server, and of the client beside it. */
const SERVER = ["openssh-server"];
const BOTH = [...SERVER, "openssh-client"];

/**
 * Unpacks a later openssh-server below test/.cache, once, where the system's own is too old for ML-KEM, and the ssh
 * of the same release beside it for the benchmark (`client`). test/peers/recent_sshd.ts finds them there.
 */
export function provideRecentSshd({ client } = { client: false }) {
  const unpacked = join(folder, "usr", "sbin", "sshd");
  const ssh = join(folder, "usr", "bin", "ssh");
  if (["/usr/sbin/sshd", "/usr/local/sbin/sshd"].some(isRecent)) return;
  if (isRecent(unpacked) && (!client || isRecent(ssh))) return;
  if (debianRelease() !== RELEASE) return miss(`no sshd of OpenSSH ${WANTED.join(".")} or later`);
  process.stdout.write("setup: a later sshd, beside the system's\n");
  try {
    // What is unpacked already stays: the folder is put in place whole.
    const group = client || existsSync(ssh) ? BOTH : SERVER;
    unpackDebian(folder, { suite: `${RELEASE}-backports`, groups: [group] });
    if (!isRecent(unpacked)) throw new Error(`${unpacked} does not run`);
  } catch (error) {
    miss(error.message);
  }
}

/** 9.2 knows no -V, and says its version on the way to saying so. */
function isRecent(path) {
  const { stderr } = spawnSync(path, ["-V"], { encoding: "utf8" });
  const [, major, minor] = /^OpenSSH_(\d+)\.(\d+)/m.exec(stderr ?? "")?.map(Number) ?? [];
  return major > WANTED[0] || (major === WANTED[0] && minor >= WANTED[1]);
}
