import { spawn } from "node:child_process";
import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { root, run } from "./run.mjs";

/** Looks through every artefact, unpacked, for where it was built. */
export function checkPaths(out, work) {
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

/**
 * Builds everything again in the background: in a clone in another directory, with the same packages, and without any
 * network, so that whatever asks for one fails. `compare` waits for its end, and throws where a byte differs.
 */
export function startSecondBuild(out, work) {
  const clone = join(work, "another place");
  run("git", ["clone", "--quiet", root, clone]);
  cpSync(join(root, "node_modules"), join(clone, "node_modules"), {
    recursive: true,
    verbatimSymlinks: true,
  });
  mkdirSync(join(clone, "dist"));
  symlinkSync(join(root, "dist", "runtimes"), join(clone, "dist", "runtimes"));
  const child = spawn("unshare", ["--net", process.execPath, "bin/release.mjs"], {
    cwd: clone,
    // What it leaves behind when it is stopped goes with the rest.
    env: { ...process.env, TMPDIR: work },
    detached: true,
  });
  let said = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk) => (said += chunk));
  const ended = new Promise((resolve) => child.once("error", resolve).once("close", resolve));
  const compare = async () => {
    const status = await ended;
    if (status !== 0) throw new Error(`the second build ended ${status}: ${said}`);
    const sums = (folder) => readFileSync(join(folder, "SHA256SUMS"), "utf8");
    const [first, second] = [sums(out), sums(join(clone, "dist", "release"))];
    const differing = first.split("\n").filter((line) => !second.includes(line));
    if (differing.length > 0) throw new Error(`not the same bytes: ${differing.join(", ")}`);
  };
  const stop = () => {
    if (child.exitCode === null && child.signalCode === null) process.kill(-child.pid);
    return ended;
  };
  return { compare, stop };
}
