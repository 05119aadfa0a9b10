import { execFileSync } from "node:child_process";
import { chmodSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { providePatches } from "../test/setup/patches.mjs";
import { licences } from "./bundled.mjs";
import { finishForLinux } from "./linux.mjs";

// Builds dist/preauth, one executable that needs no runtime beside it, and dist/preauth.js, the same program for
// Node; dist/LICENSES, the licences of all that went into them; and dist/completions, by the names that shells look for.

const root = fileURLToPath(new URL("..", import.meta.url));

function main() {
  // Another ssh2 than the patched one would be found out at the first connection.
  providePatches(root);
  mkdirSync(join(root, "dist"), { recursive: true });
  execFileSync(join(root, "node_modules/.bin/bun"), ["bin/bundle.mjs"], { cwd: root, stdio: "inherit" });
  writeInOnePiece(join(root, "dist/preauth"));
  chmodSync(join(root, "dist/preauth.js"), 0o755);
  // The package is made of ES modules, this one file is not: see bundle.mjs.
  writeFileSync(join(root, "dist/package.json"), '{ "type": "commonjs" }\n');
  writeFileSync(join(root, "dist/LICENSES"), licences());
  mkdirSync(join(root, "dist/completions"), { recursive: true });
  for (const [shell, name] of Object.entries(COMPLETIONS)) {
    const words = [join(root, "dist/preauth.js"), "--completion", shell];
    writeFileSync(join(root, "dist/completions", name), execFileSync(process.execPath, words));
  }
}

/** Where bash, zsh and fish would find what completes the words of a program called preauth. */
const COMPLETIONS = { bash: "preauth", zsh: "_preauth", fish: "preauth.fish" };

/**
 * Writes an executable again. Bun writes it in small pieces, and the kernel keeps it in memory as it was written: a start
 * touches some thousand pages, and takes a fifteenth less where they came together (ext4 on Linux 6.18).
 */
function writeInOnePiece(file) {
  const copy = `${file}.new`;
  const bytes = readFileSync(file);
  // Those of other systems have other forms.
  if (process.platform === "linux") finishForLinux(bytes);
  writeFileSync(copy, bytes);
  chmodSync(copy, 0o755);
  // A process in the background may run the old one.
  renameSync(copy, file);
}

main();
