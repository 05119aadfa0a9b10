import { execFileSync } from "node:child_process";
import { chmodSync, mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

// Builds dist/preauth, one executable that needs no runtime beside it, and dist/preauth.js, the same program for
// Node; and dist/LICENSES, the licences of all that went into them.

const root = fileURLToPath(new URL("..", import.meta.url));

/** The packages that the source imports. */
const BUNDLED = ["@noble/post-quantum", "minimist", "picomatch", "smol-toml", "ssh2", "toml-eslint-parser"];

function main() {
  mkdirSync(join(root, "dist"), { recursive: true });
  execFileSync(join(root, "node_modules/.bin/bun"), ["bin/bundle.mjs"], { cwd: root, stdio: "inherit" });
  writeInOnePiece(join(root, "dist/preauth"));
  chmodSync(join(root, "dist/preauth.js"), 0o755);
  // The package is made of ES modules, this one file is not: see bundle.mjs.
  writeFileSync(join(root, "dist/package.json"), '{ "type": "commonjs" }\n');
  writeFileSync(join(root, "dist/LICENSES"), licences());
}

/**
 * Writes an executable again. Bun writes it in small pieces, and the kernel keeps it in memory as it was written: a start
 * touches some thousand pages, and takes a fifteenth less where they came together (ext4 on Linux 6.18).
 */
function writeInOnePiece(file) {
  const copy = `${file}.new`;
  writeFileSync(copy, readFileSync(file));
  chmodSync(copy, 0o755);
  // A process in the background may run the old one.
  renameSync(copy, file);
}

/** The licences of the bundled packages and of all that they depend on, one after another. */
function licences() {
  const names = new Set();
  const visit = (name) => {
    if (names.has(name)) return;
    names.add(name);
    for (const dependency of Object.keys(manifest(name).dependencies ?? {})) visit(dependency);
  };
  for (const name of BUNDLED) visit(name);
  const texts = [...names].sort().map((name) => `${name} ${manifest(name).version}\n\n${licence(name)}`);
  const bunVersion = manifest("bun").version;
  const runtime = `Bun ${bunVersion} (in the executable only)\n\n${readFileSync(join(root, "doc/bun-licence.txt"), "utf8").trim()}`;
  return `${[...texts, runtime].join(`\n\n${"-".repeat(78)}\n\n`)}\n`;
}

function manifest(name) {
  return JSON.parse(readFileSync(join(root, "node_modules", name, "package.json"), "utf8"));
}

function licence(name) {
  const directory = join(root, "node_modules", name);
  const file = readdirSync(directory).find((entry) => /^licen[cs]e/i.test(entry));
  if (file === undefined) throw new Error(`${name} has no licence file`);
  return readFileSync(join(directory, file), "utf8").trim();
}

main();
