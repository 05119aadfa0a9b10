import { createHash } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { bundledPackages, runtimeManifest } from "../bundled.mjs";
import { epoch, manifest } from "./manifest.mjs";
import { root } from "./run.mjs";
import { SYSTEMS } from "./runtimes.mjs";

/** Writes what is bundled as a CycloneDX 1.6 document: the packages, Bun for each system, and what Bun links. */
export function makeBillOfMaterials(file) {
  const { version } = manifest;
  const locked = JSON.parse(readFileSync(join(root, "package-lock.json"), "utf8")).packages;
  const component = (name, own, more = {}) => ({
    type: "library",
    "bom-ref": purl(name, own.version),
    name,
    version: own.version,
    purl: purl(name, own.version),
    licenses: [{ license: { id: licenceId(own) } }],
    ...hashes(locked[`node_modules/${name}`]),
    ...more,
  });
  const bun = runtimeManifest();
  const runtimes = SYSTEMS.map(({ runtime, name }) =>
    component(
      runtime,
      { version: bun.version, license: bun.license },
      { type: "platform", description: `in the executable for ${name}` },
    ),
  );
  const linked = linkedByBun().map(({ name, license }) => ({
    type: "library",
    "bom-ref": `bun/${name}`,
    name,
    licenses: [{ license: { name: license } }],
    description: `linked into Bun ${bun.version}`,
  }));
  const document = {
    bomFormat: "CycloneDX",
    specVersion: "1.6",
    serialNumber: `urn:uuid:${uuid(`preauth ${version} ${epoch()}`)}`,
    version: 1,
    metadata: {
      timestamp: new Date(Number(epoch()) * 1000).toISOString(),
      component: {
        type: "application",
        "bom-ref": "preauth",
        name: "preauth",
        version,
        purl: purl("preauth", version),
      },
    },
    components: [...bundledPackages().map((own) => component(own.name, own)), ...runtimes, ...linked],
  };
  writeFileSync(file, `${JSON.stringify(document, null, 2)}\n`);
}

/** The libraries that doc/bun-licence.txt names, one a line: "NAME: LICENCE". */
export function linkedByBun() {
  const text = readFileSync(join(root, "doc", "bun-licence.txt"), "utf8");
  return [...text.matchAll(/^- (\S[^:\n]*): (.+)$/gm)].map(([, name = "", license = ""]) => ({
    name,
    license,
  }));
}

/** https://github.com/package-url/purl-spec: the "@" of a scope is escaped. */
function purl(name, version) {
  return `pkg:npm/${name.replace("@", "%40")}@${version}`;
}

/** The SPDX name; older packages have a list. Throws where there is none: the document would not say what is bundled. */
function licenceId({ name, license, licenses }) {
  const id = license ?? licenses?.[0]?.type;
  if (id === undefined) throw new Error(`${name} names no licence`);
  return id;
}

function hashes(entry) {
  if (!entry?.integrity?.startsWith("sha512-")) return {};
  const content = Buffer.from(entry.integrity.slice("sha512-".length), "base64").toString("hex");
  return { hashes: [{ alg: "SHA-512", content }] };
}

/** A name-based UUID (RFC 9562 version 8) of a text. */
function uuid(text) {
  const hex = createHash("sha256").update(text).digest("hex");
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}
