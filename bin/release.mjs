/*
 * npm run release: makes every artefact of a release in dist/release, from a clean clone.
 *
 *   npm run release                    all of them
 *   npm run release -- --check         builds twice, in two directories, compares, opens and runs each one
 *   npm run release -- --check STEP... these steps of that alone, with the artefacts as they are (bin/release/gate.mjs)
 *   node bin/release.mjs --try FOLDER  of this tree as it stands, two of them: the .deb of x64 and the executable of arm64
 */
import { createHash } from "node:crypto";
import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { finishForLinux } from "./linux.mjs";
import { makeDeb } from "./release/deb.mjs";
import { check } from "./release/gate.mjs";
import { manifest, requireReleasable } from "./release/manifest.mjs";
import { makeNpmPackage } from "./release/npm_package.mjs";
import { makeRpm } from "./release/rpm.mjs";
import { root, run } from "./release/run.mjs";
import { runtimeOf, SYSTEMS } from "./release/runtimes.mjs";
import { makeBillOfMaterials } from "./release/sbom.mjs";
import { archive, COMPLETIONS, DOCUMENTS, MANUAL, put, putDocument, settle } from "./release/stage.mjs";

/** Makes the artefacts and gives the folder. */
async function release() {
  const out = join(root, "dist", "release");
  rmSync(out, { recursive: true, force: true });
  mkdirSync(out, { recursive: true });
  run("node", ["bin/build.mjs"]);
  const work = mkdtempSync(join(tmpdir(), "preauth-release-"));
  try {
    for (const system of SYSTEMS) {
      process.stdout.write(`release: ${system.name}\n`);
      const executable = executableFor(system, work);
      await Promise.all([makeArchive, makeDeb, makeRpm].map((make) => make(system, executable, work, out)));
    }
    makeNpmPackage(out);
    makeBillOfMaterials(join(out, `preauth-${manifest.version}.cdx.json`));
    writeFileSync(join(out, "SHA256SUMS"), sums(out));
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
  return out;
}

/** Every one is made of a runtime that was held against package-lock.json, also that of this system. */
function executableFor(system, work) {
  // Its name and no more of its path is in it.
  const outfile = join(work, system.name, "preauth");
  mkdirSync(join(work, system.name));
  run(join(root, "node_modules/.bin/bun"), [
    "bin/bundle.mjs",
    "--foreign",
    runtimeOf(system),
    system.target,
    outfile,
  ]);
  if (system.name.startsWith("linux-")) {
    const bytes = readFileSync(outfile);
    finishForLinux(bytes);
    writeFileSync(outfile, bytes);
  }
  return outfile;
}

function makeArchive({ name }, executable, work, out) {
  const folder = `preauth-${manifest.version}-${name}`;
  const tree = join(work, folder);
  put(tree, "preauth", { from: executable }, 0o755);
  for (const path of [...DOCUMENTS, ...MANUAL]) putDocument(tree, path);
  for (const { file, from } of COMPLETIONS) put(tree, `completions/${file}`, { from: join(root, from) });
  settle(tree);
  return archive(work, folder, join(out, `${folder}.tar.gz`));
}

function sums(out) {
  const lines = readdirSync(out)
    .filter((name) => name !== "SHA256SUMS")
    .sort()
    .map(
      (name) =>
        `${createHash("sha256")
          .update(readFileSync(join(out, name)))
          .digest("hex")}  ${name}\n`,
    );
  return lines.join("");
}

/** The two that the tests look at, so that the rest does not rot unseen. */
async function makeSamples(out) {
  const work = mkdtempSync(join(tmpdir(), "preauth-release-"));
  try {
    // Packed in a tenth of the time, which is all that is different.
    await makeDeb(SYSTEMS[0], join(root, "dist", "preauth"), work, out, 0);
    copyFileSync(executableFor(SYSTEMS[1], work), join(out, `preauth-${SYSTEMS[1].name}`));
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

async function main([option, ...words]) {
  if (option === "--try" && words.length === 1) return makeSamples(words[0]);
  const isChecked = option === "--check";
  if (option !== undefined && !isChecked) throw new Error(`"${option}" is neither --check nor --try FOLDER`);
  if (words.length > 0) return check(join(root, "dist", "release"), words);
  requireReleasable();
  const out = await release();
  process.stdout.write(readFileSync(join(out, "SHA256SUMS"), "utf8"));
  if (isChecked) await check(out, []);
}

try {
  await main(process.argv.slice(2));
} catch (error) {
  process.stderr.write(`release: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exit(1);
}
