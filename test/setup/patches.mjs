import { createHash } from "node:crypto";
import { readdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** patches/NAME+VERSION.patch is for that version of a package alone. */
const PATCH = /^(.+)\+(\d[^+]*)\.patch$/;

/** A package in `folder` whose files are neither those that its patch was made for nor those that the patch makes of them. */
export class OtherFiles extends Error {
  constructor(message, folder) {
    super(message);
    this.folder = folder;
  }
}

/**
 * Applies the patches of `root` to its node_modules, where they are not yet. Throws when a package has another version
 * or other files than its patch was made for; nothing of that package is changed then.
 */
export function providePatches(root) {
  for (const file of readdirSync(join(root, "patches"))) {
    const [, name, version] = PATCH.exec(file) ?? [];
    if (name !== undefined) patchPackage(root, { file, name, version });
  }
}

function patchPackage(root, { file, name, version }) {
  const folder = join(root, "node_modules", name);
  const present = JSON.parse(readFileSync(join(folder, "package.json"), "utf8")).version;
  if (present !== version) throw new Error(`patches/${file} is for ${name} ${version}, here is ${present}`);
  const changes = readPatch(readFileSync(join(root, "patches", file), "utf8"));
  const pending = changes.flatMap(({ path, before, after, hunks }) => {
    const text = readFileSync(join(folder, path), "utf8");
    const hash = blobHash(text);
    if (hash === after) return [];
    const patched = hash === before ? applyHunks(text, hunks) : undefined;
    if (patched === undefined || blobHash(patched) !== after) {
      // By hand, or by an earlier form of the patch.
      const remedy = "run node test/setup.mjs build, which installs it anew";
      const what = `node_modules/${name}/${path} is not the file that patches/${file} is for`;
      throw new OtherFiles(`${what}: ${remedy}`, folder);
    }
    return [{ path: join(folder, path), patched }];
  });
  for (const { path, patched } of pending) {
    // A new file in its place: npm's cache or another copy may share the old one.
    writeFileSync(`${path}.patched`, patched);
    renameSync(`${path}.patched`, path);
  }
  if (pending.length > 0) process.stdout.write(`setup: patched ${name}\n`);
}

/** The files of a patch that `git diff --full-index` has made, each with the hashes of its text and its hunks. */
function readPatch(text) {
  return text.split(/^diff --git .*\n/m).flatMap((part) => {
    const [, before, after] = /^index ([0-9a-f]{40})\.\.([0-9a-f]{40})/m.exec(part) ?? [];
    const [, path] = /^\+\+\+ b\/(.+)$/m.exec(part) ?? [];
    const hunks = part.split(/^@@ /m).slice(1);
    return path === undefined ? [] : [{ path, before, after, hunks }];
  });
}

/** For the very text that the hunks were made from: their line numbers hold, and nothing is searched for. */
function applyHunks(text, hunks) {
  const old = text.split("\n");
  const result = [];
  let next = 0;
  for (const hunk of hunks) {
    const [head = "", ...lines] = hunk.replace(/\n$/, "").split("\n");
    const [, start, length = "1"] = /^-(\d+)(?:,(\d+))? /.exec(head) ?? [];
    result.push(...old.slice(next, Number(start) - 1));
    result.push(...lines.filter((line) => !/^[-\\]/.test(line)).map((line) => line.slice(1)));
    next = Number(start) - 1 + Number(length);
  }
  return [...result, ...old.slice(next)].join("\n");
}

/** What git calls a file's contents. */
function blobHash(text) {
  return createHash("sha1")
    .update(`blob ${Buffer.byteLength(text)}\0${text}`)
    .digest("hex");
}
