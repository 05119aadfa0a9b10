import { mkdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { npm } from "../../test/setup/npm.mjs";
import { manifest } from "./manifest.mjs";
import { run } from "./run.mjs";
import { COMPLETIONS, DOCUMENTS, MANUAL } from "./stage.mjs";

const { version } = manifest;

/** The validator of the SBOM's makers, and what it needs for that. */
const VALIDATOR = [
  "@cyclonedx/cyclonedx-library@10.3.0",
  "ajv@8.20.0",
  "ajv-formats@3.0.1",
  "ajv-formats-draft2019@1.6.1",
];

/** What makes a tree of a package in the current directory. */
const UNPACKERS = { deb: 'dpkg-deb -x "$1" .', rpm: 'rpm2cpio "$1" | cpio -id --quiet' };

/** What every archive has, below its folder. */
const IN_ARCHIVES = [
  "preauth",
  ...[...DOCUMENTS, ...MANUAL].map((path) => path.replace(/^dist\//, "")),
  ...COMPLETIONS.map(({ file }) => `completions/${file}`),
];

/** What every package for a system has. */
const IN_PACKAGES = [
  "usr/bin/preauth",
  ...MANUAL.map((page) => `usr/share/man/man${page.slice(-1)}/${page.replace("doc/", "")}.gz`),
  ...COMPLETIONS.map(({ place }) => place),
];

/** Each archive and package for Linux has what it should have, and the same executable, which nothing has stripped. */
export function checkContents(out, work, unpacked) {
  for (const name of ["linux-x64", "linux-arm64", "linux-x64-musl", "linux-arm64-musl", "macos-arm64"])
    requireFiles(name, join(unpacked(name), ".."), IN_ARCHIVES);
  const packages = [
    [`preauth_${version}_amd64.deb`, "linux-x64"],
    [`preauth_${version}_arm64.deb`, "linux-arm64"],
    [`preauth-${version}.x86_64.rpm`, "linux-x64"],
    [`preauth-${version}.aarch64.rpm`, "linux-arm64"],
  ];
  for (const [name, system] of packages) {
    const folder = join(work, `tree-${name}`);
    mkdirSync(folder);
    const file = join(out, name);
    run("sh", ["-c", UNPACKERS[name.slice(-3)], "sh", file], { cwd: folder });
    requireFiles(name, folder, IN_PACKAGES);
    run("cmp", [unpacked(system), join(folder, "usr/bin/preauth")]);
    if (!name.endsWith(".deb")) continue;
    const fields = run("dpkg-deb", ["--field", file, "Depends", "Recommends"]);
    if (fields !== "Depends: libc6 (>= 2.17)\nRecommends: openssh-client\n")
      throw new Error(`${name}: ${fields}`);
  }
  run("sha256sum", ["--quiet", "--check", "SHA256SUMS"], { cwd: out });
}

function requireFiles(name, folder, wanted) {
  const found = new Set(run("find", [folder, "-type", "f", "-printf", "%P\n"]).split("\n"));
  const missing = wanted.filter((path) => !found.has(path));
  if (missing.length > 0) throw new Error(`${name} has no ${missing.join(", ")}`);
}

/** Holds the SBOM against the schema of CycloneDX, strictly. */
export async function checkBillOfMaterials(out, work) {
  const folder = join(work, "validator");
  mkdirSync(folder);
  npm(["install", "--no-save", "--omit=optional", "--prefix", folder, ...VALIDATOR], folder);
  const { Spec, Validation } = createRequire(join(folder, "here.js"))("@cyclonedx/cyclonedx-library");
  const text = readFileSync(join(out, `preauth-${version}.cdx.json`), "utf8");
  const wrong = await new Validation.JsonStrictValidator(Spec.Version.v1dot6).validate(text);
  if (wrong !== null) throw new Error(JSON.stringify(wrong));
  return `${JSON.parse(text).components.length} components`;
}
