import { spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { root } from "./run.mjs";

/**
 * Runs words in namespaces of their own, so that programs of another system or C library start like any other, and
 * nothing of this machine is changed: /etc with the `files` added (a path below it and its text, or the `link` that it is), and binfmt_misc with the
 * lines of `formats` (binfmt_misc(5) of the kernel; Linux 6.7 has one for each user namespace). Needs root. Resolves with
 * what was said; rejects when it ends otherwise than with 0.
 */
export async function inNamespace(words, { files = {}, formats = [] } = {}) {
  const folder = mkdtempSync(join(tmpdir(), "preauth-namespace-"));
  try {
    for (const name of ["upper", "work"]) mkdirSync(join(folder, name));
    for (const [path, text] of Object.entries(files)) {
      mkdirSync(dirname(join(folder, "upper", path)), { recursive: true });
      if (typeof text === "string") writeFileSync(join(folder, "upper", path), text);
      else symlinkSync(text.link, join(folder, "upper", path));
    }
    const steps = [
      "read go",
      `mount -t overlay overlay -o lowerdir=/etc,upperdir=${folder}/upper,workdir=${folder}/work /etc`,
      "mount -t binfmt_misc binfmt_misc /proc/sys/fs/binfmt_misc",
      'for line in $FORMATS; do printf "%s" "$line" >/proc/sys/fs/binfmt_misc/register; done',
      'exec "$@"',
    ];
    return await run(
      ["--user", "--mount", "sh", "-ec", `echo here; ${steps.join("; ")}`, "sh", ...words],
      formats,
    );
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function run(words, formats) {
  return new Promise((resolve, reject) => {
    const child = spawn("unshare", words, { cwd: root, env: { ...process.env, FORMATS: formats.join(" ") } });
    let said = "";
    let isMapped = false;
    const hear = (chunk) => {
      said += chunk;
      if (isMapped || !said.startsWith("here\n")) return;
      isMapped = true;
      said = said.slice("here\n".length);
      // All users are who they are outside: Dovecot runs as another one than root.
      for (const file of ["uid_map", "gid_map"]) writeFileSync(`/proc/${child.pid}/${file}`, "0 0 65536");
      child.stdin.end("go\n");
    };
    child.stdout.on("data", hear);
    child.stderr.on("data", hear);
    child.on("error", reject);
    child.on("close", (status) =>
      status === 0 ? resolve(said) : reject(new Error(`ended ${status}: ${said}`)),
    );
  });
}
