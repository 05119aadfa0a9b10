import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { debianRoot, muslLibraries, muslRoot } from "./foreign_libraries.mjs";
import { manifest } from "./manifest.mjs";
import { inNamespace } from "./namespace.mjs";
import { run } from "./run.mjs";

const { version } = manifest;

/** Has the kernel run the executables of aarch64 by qemu; "F": by this very file, whatever the namespace. */
const AARCH64 = [
  ":preauth-aarch64:M::",
  "\\x7fELF\\x02\\x01\\x01\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x02\\x00\\xb7\\x00:",
  "\\xff\\xff\\xff\\xff\\xff\\xff\\xff\\x00\\xff\\xff\\xff\\xff\\xff\\xff\\xff\\xff\\xfe\\xff\\xff\\xff:",
  "/usr/bin/qemu-aarch64-static:F",
].join("");

/** Where Debian's qemu looks for the libraries of what it runs. */
const PREFIX = "qemu-binfmt/aarch64";

/** See test/release/exercise.ts; `between`: a command of a shell's that is run between two shared calls. */
export async function exercise(words, { between = "", mostLogins = 2, ...surroundings } = {}) {
  const all = ["--import", "tsx", "test/release/exercise.ts", version, between, String(mostLogins), ...words];
  if (Object.keys(surroundings).length === 0) return run(process.execPath, all);
  return inNamespace([process.execPath, ...all], surroundings);
}

/**
 * The same for arm64, which is emulated: on a busy machine it may take longer than the second that a call waits for the
 * process in the background, and the call then logs in by itself. `libc`: "glibc" or "musl".
 */
export function exerciseArm64(executable, libc) {
  const link = libc === "musl" ? muslRoot() : debianRoot("arm64");
  return exercise([executable], { files: { [PREFIX]: { link } }, formats: [AARCH64], mostLogins: 12 });
}

/** The same with musl, on this processor. */
export function exerciseMusl(executable) {
  return exercise([executable], { files: { "ld-musl-x86_64.path": `${muslLibraries("x64")}\n` } });
}

/** The oldest processor that the x64 executables claim to run on (SSE4.2), and one before it. */
const OLDEST = "Nehalem";
const TOO_OLD = "Penryn";

/** The version and a refusal, by a table that has nobody; a processor that is too old is told of. */
export function runOldest(executable, work) {
  const table = join(work, "hosts.toml");
  writeFileSync(table, "");
  const emulated = (processor, words, status) => {
    const all = ["qemu-x86_64-static", "-cpu", processor, executable, ...words];
    return run("sh", ["-c", 'exec "$@" 2>&1', "sh", ...all], { status, env: { PREAUTH_TABLE: table } });
  };
  if (emulated(OLDEST, ["--version"], 0) !== `preauth ${version}\n`) throw new Error("--version");
  emulated(OLDEST, ["unknown.test", "jane", "imap"], 1);
  const told = emulated(TOO_OLD, ["--version"], 69);
  if (!/^preauth: this processor has no SSE4\.2: .*\n$/.test(told)) throw new Error(`${TOO_OLD}: ${told}`);
  return `${OLDEST}: ok\n${TOO_OLD}: ${told}`;
}
