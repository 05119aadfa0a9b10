import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));

/** The packages that the source imports. */
const IMPORTED = [
  "@noble/ciphers",
  "@noble/post-quantum",
  "bcrypt-pbkdf",
  "minimist",
  "picomatch",
  "smol-toml",
  "ssh2",
  "toml-eslint-parser",
];

/** Packages of which nothing goes into the bundles: native addons that are left out (see bundle.mjs). */
const LEFT_OUT = ["cpu-features", "buildcheck", "nan"];

/** The manifests of all packages that go into the bundles, those that they depend on too, by name. */
export function bundledPackages() {
  const found = new Map();
  const visit = (name) => {
    if (found.has(name) || LEFT_OUT.includes(name)) return;
    const own = manifest(name);
    found.set(name, own);
    for (const dependency of Object.keys(own.dependencies ?? {})) visit(dependency);
  };
  for (const name of IMPORTED) visit(name);
  return [...found.values()].sort((one, other) => (one.name < other.name ? -1 : 1));
}

/** The licence of a package, from its own file. Throws where it has none: then it cannot go along. */
export function licenceOf({ name }) {
  const directory = join(root, "node_modules", name);
  const file = readdirSync(directory).find((entry) => /^licen[cs]e/i.test(entry));
  if (file === undefined) throw new Error(`${name} has no licence file`);
  return readFileSync(join(directory, file), "utf8").trim();
}

/** Bun, whose runtime is in the executable: its manifest. */
export function runtimeManifest() {
  return manifest("bun");
}

/** What dist/LICENSES says: the licences of all that went into the two forms, one after another. */
export function licences() {
  const texts = bundledPackages().map((one) => `${one.name} ${one.version}\n\n${licenceOf(one)}`);
  const notices = join(root, "doc", "licences");
  const runtime = [
    `Bun ${runtimeManifest().version} (in the executable only)\n\n${text("doc/bun-licence.txt")}`,
    ...(existsSync(notices) ? readdirSync(notices).sort() : []).map((file) => text(`doc/licences/${file}`)),
  ];
  return `${[...texts, ...runtime].join(`\n\n${"-".repeat(78)}\n\n`)}\n`;
}

function text(path) {
  return readFileSync(join(root, path), "utf8").trim();
}

function manifest(name) {
  return JSON.parse(readFileSync(join(root, "node_modules", name, "package.json"), "utf8"));
}
