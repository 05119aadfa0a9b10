import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, posix } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../../..", import.meta.url));

/** The levels of CONTRIBUTING.md, the lowest first: each a line of its table, with the rooms on that level. */
const levels = [...readFileSync(join(root, "CONTRIBUTING.md"), "utf8").matchAll(/^\| (\d+) \| `([^`]+)`/gm)];
const levelOf = new Map(levels.map(([, level, room = ""]) => [room.replace(/\/$/, ""), Number(level)]));

/** For each file of src and bin the files that it imports: types too, and what is import()ed when it is asked for. */
const imports = new Map(sources().map((file) => [file, importsOf(file)]));

test("a room is imported from its own files or from a higher level, types included", () => {
  const wrong = [...imports].flatMap(([file, targets]) => {
    const [room, level] = placeOf(file);
    return targets
      .filter((target) => placeOf(target)[0] !== room && placeOf(target)[1] >= level)
      .map((target) => `${file} (level ${level}) imports ${target} (level ${placeOf(target)[1]})`);
  });
  assertNone(
    wrong,
    "a file imports from its own room or from a lower level (CONTRIBUTING.md), types included",
  );
});

test("a file is in no circle of imports, types included", () => {
  assertNone(circles(), "no circles: take what both need into a file of its own");
});

test("CONTRIBUTING.md lists every room that there is, and no other", () => {
  const rooms = [...new Set([...imports.keys()].map((file) => dirname(file)))].sort();
  assert.deepEqual([...levelOf.keys()].sort(), rooms);
});

test("a file below bin leaves process alone, but for src/own_process.ts", () => {
  const guilty = [...imports.keys()].filter(
    (file) => file.startsWith("src/") && file !== "src/own_process.ts" && touchesProcess(file),
  );
  assertNone(guilty, "only bin/ touches process: have it handed in with the World");
});

test("a file leaves AbortSignal.any() alone: src/abort.ts says why, and has what to use", () => {
  const guilty = [...imports.keys()].filter((file) => /\bAbortSignal\.any\b/.test(codeOf(file)));
  assertNone(guilty, "a Follower of src/abort.ts in place of AbortSignal.any()");
});

/** The message names the rule, and each file that is against it. */
function assertNone(wrong: readonly string[], rule: string): void {
  assert.ok(wrong.length === 0, [`${rule}:`, ...wrong].join("\n  "));
}

/** Uses what it has: process.env, process["env"], const { env } = process, globalThis.process; or imports it. */
function touchesProcess(file: string): boolean {
  return /"node:process"|(?<![.\w])process(?:\??\.\w|\??\.?\[|\s*;)|globalThis(?:\.process\b|\[)/.test(
    codeOf(file),
  );
}

function sources(): readonly string[] {
  return ["src", "bin"].flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true, encoding: "utf8" })
      .map((name) => posix.join(folder, name))
      .filter((name) => name.endsWith(".ts"))
      .sort(),
  );
}

function importsOf(file: string): readonly string[] {
  const specifiers = codeOf(file).matchAll(/(?:\bfrom|\bimport|\bimport\()\s*"(\.[^"]+)"/g);
  // A bundle, X.js, is named for the source X.ts; package.json is in no room.
  const paths = [...specifiers].map(([, path = ""]) => posix.join(posix.dirname(file), path));
  return paths.filter((path) => !path.endsWith(".json")).map((path) => path.replace(/\.js$/, ".ts"));
}

function codeOf(file: string): string {
  return readFileSync(join(root, file), "utf8").replace(/^\s*(\/\/|\/?\*).*$/gm, "");
}

function placeOf(file: string): readonly [room: string, level: number] {
  const room = dirname(file);
  const level = levelOf.get(room);
  assert.ok(level !== undefined, `${file}: CONTRIBUTING.md has no room ${room}`);
  return [room, level];
}

/** The first circle that each file leads into, as "A -> B -> A". */
function circles(): readonly string[] {
  const done = new Set<string>();
  const found: string[] = [];
  const visit = (file: string, way: readonly string[]): void => {
    if (way.includes(file)) found.push([...way.slice(way.indexOf(file)), file].join(" -> "));
    if (done.has(file)) return;
    done.add(file);
    for (const target of imports.get(file) ?? []) visit(target, [...way, file]);
  };
  for (const file of imports.keys()) visit(file, []);
  return found;
}
