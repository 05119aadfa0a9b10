import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { checkBillOfMaterials, checkContents } from "./contents.mjs";
import { checkDeb, checkNpmClone, checkNpmPackage, checkRpm } from "./installations.mjs";
import { checkMachO } from "./mach_o.mjs";
import { manifest } from "./manifest.mjs";
import { run } from "./run.mjs";
import { checkPaths, startSecondBuild } from "./second_build.mjs";
import { exercise, exerciseArm64, exerciseMusl, runOldest } from "./trials.mjs";

const { version } = manifest;

/** The steps by their names: each is given the folder of the artefacts, one to work in, and what unpacks an archive. */
const STEPS = {
  "linux-arm64": ({ unpacked }) => exerciseArm64(unpacked("linux-arm64"), "glibc"),
  "linux-arm64-musl": ({ unpacked }) => exerciseArm64(unpacked("linux-arm64-musl"), "musl"),
  "linux-x64": ({ unpacked }) => exercise([unpacked("linux-x64")]),
  "linux-x64 on old processors": ({ unpacked, work }) => runOldest(unpacked("linux-x64"), work),
  "linux-x64-musl": ({ unpacked }) => exerciseMusl(unpacked("linux-x64-musl")),
  "macos-arm64": ({ unpacked }) => checkMachO(readFileSync(unpacked("macos-arm64"))),
  npm: ({ out, work }) => checkNpmPackage(join(out, `preauth-${version}.tgz`), work),
  "npm install -g git+file://": ({ work }) => checkNpmClone(work),
  deb: ({ out }) =>
    checkDeb(join(out, `preauth_${version}_amd64.deb`), join(out, `preauth_${version}_arm64.deb`)),
  rpm: ({ out, work }) => checkRpm(out, work),
  contents: ({ out, work, unpacked }) => checkContents(out, work, unpacked),
  sbom: ({ out, work }) => checkBillOfMaterials(out, work),
  "no path of the builder": ({ out, work }) => checkPaths(out, work),
};

/**
 * Opens and runs every artefact in `out`, while they are all built once more, in another directory and without a network.
 * With `names`: those steps alone, and no second build. Throws at the first fault, and for a name that no step has.
 */
export async function check(out, names) {
  const unknown = names.find((name) => !Object.hasOwn(STEPS, name));
  if (unknown !== undefined)
    throw new Error(`"${unknown}" is no step: they are ${Object.keys(STEPS).join(", ")}`);
  const work = mkdtempSync(join(tmpdir(), "preauth-gate-"));
  const unpacked = (name) => unpack(out, `preauth-${version}-${name}.tar.gz`, work);
  const step = async (what, act) => {
    const start = Date.now();
    const said = await act();
    const seconds = Math.round((Date.now() - start) / 1000);
    const lines = said ? `${said.trimEnd().replace(/^/gm, "gate:   ")}\n` : "";
    process.stdout.write(`gate: ${what}: ok (${seconds} s)\n${lines}`);
  };
  const wanted = names.length === 0 ? Object.keys(STEPS) : names;
  let second;
  try {
    for (const name of wanted) {
      // What is emulated must answer within a second: it has the machine to itself.
      if (names.length === 0 && !name.startsWith("linux-arm64")) second ??= startSecondBuild(out, work);
      await step(name, () => STEPS[name]({ out, work, unpacked }));
    }
    if (second !== undefined)
      await step("the same bytes from another directory, without a network", second.compare);
  } finally {
    await second?.stop();
    rmSync(work, { recursive: true, force: true });
  }
}

/** Unpacks an archive once, and gives the path of its executable. */
function unpack(out, name, work) {
  const folder = join(work, name.replace(/\.tar\.gz$/, ""));
  if (!existsSync(folder)) run("tar", ["-xzf", join(out, name), "-C", work]);
  return join(folder, "preauth");
}
