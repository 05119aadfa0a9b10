import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { makeTemporary, removeTemporary } from "../peers/temporary.ts";
import { MUTANTS, type Mutant } from "./mutants.ts";

/*
 * npm run mutants [-- WORD...]: makes the changes of mutants.ts one after another on a copy of the project, and runs the
 * test that is to see each. Ends with 1 when one goes unseen. With words, only those whose promise, change or file has
 * one of them.
 */

const root = fileURLToPath(new URL("../..", import.meta.url));

/** A test that takes longer than this has seen that something hangs. */
const LONGEST = 180_000;

/** What is changed in the copy; all else is linked. */
const OWN = [
  "src",
  "bin",
  "test",
  "doc",
  "package.json",
  "tsconfig.json",
  "README.md",
  "SECURITY.md",
  "CHANGELOG.md",
];

function main(words: readonly string[]): number {
  const chosen = MUTANTS.filter(
    ({ promise, change, file }) =>
      words.length === 0 || words.some((word) => `${promise} ${change} ${file}`.includes(word)),
  );
  const copy = makeTemporary();
  try {
    prepare(copy);
    build(copy);
    const green = greenTests(copy, chosen);
    const unseen = chosen.filter((mutant) => !isSeen(copy, mutant, green));
    console.log(`${chosen.length - unseen.length} of ${chosen.length} changes were seen`);
    return unseen.length === 0 && chosen.length > 0 ? 0 : 1;
  } finally {
    removeTemporary(copy);
  }
}

/** The project without what is built; of its packages all but ssh2 are links. */
function prepare(copy: string): void {
  for (const name of OWN) {
    cpSync(join(root, name), join(copy, name), {
      recursive: true,
      filter: (path) => !path.endsWith("/.cache"),
    });
  }
  for (const name of ["test/.cache", "patches", "LICENSE", "pinerc.example", "package-lock.json"]) {
    symlinkSync(join(root, name), join(copy, name));
  }
  mkdirSync(join(copy, "node_modules"));
  for (const name of readdirSync(join(root, "node_modules"))) {
    const [from, to] = [join(root, "node_modules", name), join(copy, "node_modules", name)];
    if (name === "ssh2") cpSync(from, to, { recursive: true });
    else symlinkSync(from, to);
  }
  mkdirSync(join(copy, "dist"));
}

function build(copy: string): void {
  const bun = join(copy, "node_modules/.bin/bun");
  const { status, stderr } = spawnSync(bun, ["bin/bundle.mjs"], { cwd: copy, encoding: "utf8" });
  if (status !== 0) throw new Error(`the copy cannot be built: ${stderr}`);
  spawnSync("chmod", ["755", "dist/preauth.js"], { cwd: copy });
  // What bin/build.mjs does beside, as far as a test sees it; its licences and patches are those of the original.
  const script = `
    import { readFileSync, writeFileSync } from "node:fs";
    import { finishForLinux } from "./bin/linux.mjs";
    const bytes = readFileSync("dist/preauth");
    finishForLinux(bytes);
    writeFileSync("dist/preauth", bytes);
  `;
  spawnSync(process.execPath, ["--input-type=module", "-e", script], { cwd: copy });
  writeFileSync(join(copy, "dist/package.json"), '{ "type": "commonjs" }\n');
}

/** The tests that are green without any change: only their red says something. */
function greenTests(copy: string, chosen: readonly Mutant[]): ReadonlySet<string> {
  const tests = new Map(chosen.map((mutant) => [keyOf(mutant), mutant]));
  return new Set([...tests].filter(([, mutant]) => run(copy, mutant) === "green").map(([key]) => key));
}

function keyOf({ test, name, form }: Mutant): string {
  return [test, name, form].join("\n");
}

/** Whether the test is red with the change. */
function isSeen(copy: string, mutant: Mutant, green: ReadonlySet<string>): boolean {
  const { file, from, to } = mutant;
  const path = join(copy, file);
  const text = readFileSync(path, "utf8");
  if (text.split(from).length !== 2) return tell(mutant, "what it alters does not stand there once");
  if (!green.has(keyOf(mutant))) return tell(mutant, "the test is not green without it");
  writeFileSync(
    path,
    text.replace(from, () => to),
  );
  try {
    if (isBuilt(mutant)) build(copy);
    const after = run(copy, mutant);
    return tell(mutant, after === "red" ? undefined : after);
  } finally {
    writeFileSync(path, text);
  }
}

/** The tests of the built program need it anew; the others take the source. */
function isBuilt({ test }: Mutant): boolean {
  return test.startsWith("test/program/");
}

function tell({ change, file, test }: Mutant, unseen: string | undefined): boolean {
  const line = `${file}: ${change} (${test})`;
  console.log(unseen === undefined ? `seen   ${line}` : `UNSEEN ${line}: ${unseen}`);
  return unseen === undefined;
}

/** "none" where not a single test was run. */
function run(copy: string, { test, name, form }: Mutant): "green" | "red" | "none" {
  const escaped = name?.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
  const pattern = escaped === undefined ? [] : ["--test-name-pattern", escaped];
  const words = ["--import", "tsx", "--test", "--test-reporter=tap", ...pattern, test];
  const { stdout, status } = spawnSync(process.execPath, words, {
    cwd: copy,
    env: { ...process.env, PREAUTH_FORM: form ?? "node" },
    encoding: "utf8",
    timeout: LONGEST,
    killSignal: "SIGKILL",
    maxBuffer: 1 << 28,
  });
  if (status === 0 && !/^# pass [1-9]/m.test(stdout)) return "none";
  return status === 0 ? "green" : "red";
}

process.exitCode = main(process.argv.slice(2));
