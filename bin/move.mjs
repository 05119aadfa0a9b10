/*
 * Moves files and has every import and every mention of their paths follow:
 *
 *   node bin/move.mjs LIST      LIST: a line "FROM TO" for each file, as paths from the root
 *
 * Nothing else is changed, but that imports are sorted anew and lines wrapped anew (biome check --write).
 */
import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join, posix } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const git = (...words) => execFileSync("git", words, { cwd: root, encoding: "utf8" });

const [list] = process.argv.slice(2);
const moves = new Map(
  readFileSync(list, "utf8")
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => line.split(" ")),
);
const before = git("ls-files").split("\n").filter(Boolean);
const texts = before.filter(
  (file) => /\.(ts|mjs|md|json|1)$|\/README$/.test(file) && file !== "package-lock.json",
);
const contents = new Map(texts.map((file) => [file, readFileSync(join(root, file), "utf8")]));
const known = new Set(before);

for (const [from, to] of moves) {
  mkdirSync(dirname(join(root, to)), { recursive: true });
  git("mv", from, to);
}
for (const [file, text] of contents) {
  const now = moves.get(file) ?? file;
  const followed = mentions(now === file && moves.size === 0 ? text : imports(text, file, now));
  if (followed !== text) writeFileSync(join(root, now), followed);
}
execFileSync("node_modules/.bin/biome", ["check", "--write", "."], { cwd: root, stdio: "inherit" });

/** The imports of a file that was at `from` and is at `to` now. */
function imports(text, from, to) {
  const followed = text.replace(
    /((?:\bfrom|\bimport|import\(|new URL\()\s*")(\.\.?\/[^"]*)"/g,
    (whole, start, specifier) => {
      const old = posix.join(posix.dirname(from), specifier);
      const target = targetOf(old);
      if (target === undefined) return whole;
      const path = posix.relative(posix.dirname(to), target) || ".";
      const slash = specifier.endsWith("/") && !path.endsWith("/") ? "/" : "";
      return `${start}${path.startsWith(".") ? path : `./${path}`}${slash}"`;
    },
  );
  // A path that is put together: what is fixed of it is the way up.
  return followed.replace(/(new URL\(`)((?:\.\.\/)+)/g, (_whole, start, up) => {
    const path = posix.relative(posix.dirname(to), posix.join(posix.dirname(from), up));
    return `${start}${path}/`;
  });
}

/** Where what was at `old` is now; undefined for what nobody knows. A bundle, X.js, is named for the source X.ts. */
function targetOf(old) {
  if (known.has(old)) return moves.get(old) ?? old;
  const source = old.replace(/\.js$/, ".ts");
  if (known.has(source)) return (moves.get(source) ?? source).replace(/\.ts$/, ".js");
  const top = old.split("/")[0];
  const stays =
    before.some((file) => file.startsWith(`${top}/`)) || ["dist", "node_modules", "."].includes(top);
  return stays ? old.replace(/\/$/, "") || "." : undefined;
}

/** What is said of paths in comments, documents and settings. */
function mentions(text) {
  return text.replace(/(?<![\w./-])(src|bin|test)\/[\w/]+\.(ts|mjs|js)\b/g, (path) => {
    const source = path.replace(/\.js$/, ".ts");
    const to = moves.get(path) ?? moves.get(source);
    return to === undefined ? path : path.endsWith(".js") ? to.replace(/\.ts$/, ".js") : to;
  });
}
