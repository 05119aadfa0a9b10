import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { formOf } from "../../../src/cli/help.ts";
import { VERBS, type VerbName } from "../../../src/cli/verbs.ts";
import { Failure, type Trouble } from "../../../src/failure.ts";
import { describeForms } from "../../peers/binaries.ts";
import { program } from "../../peers/programs.ts";
import { rowsOf } from "./documents.ts";
import { formLine, manualItems, manualSection, PAGES } from "./manual.ts";

const TROUBLES: Readonly<Record<Trouble, true>> = {
  ...{ usage: true, unknown: true, table: true, hostkey: true, auth: true, network: true },
  ...{ deadline: true, command: true, lost: true, gone: true, bug: true },
};

/** Variables of the environment that lead to files. */
const PLACE = /\b(?:XDG|PREAUTH)_[A-Z_]+/g;

/** What the program ends with by itself: 0, a status for each trouble, 128 and a signal's number. */
function statuses(): readonly string[] {
  const ofTroubles = Object.keys(TROUBLES).map((name) => new Failure(name as Trouble, "", "").status);
  return [...[...new Set([0, ...ofTroubles])].map(String), "128+n"].sort();
}

/** All of the program's source. */
function programText(): string {
  const folder = new URL("../../../src/", import.meta.url);
  const names = readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((name) =>
    name.endsWith(".ts"),
  );
  return names.map((name) => readFileSync(new URL(name, folder), "utf8")).join("\n");
}

test("the manual has every variable that says where the program's files are, and no other", () => {
  const used = new Set(programText().match(PLACE));
  const told = [...manualItems("ENVIRONMENT", "Ev").keys()].filter((name) => name.search(PLACE) === 0);
  assert.deepEqual(told.sort(), [...used].sort());
});

test("the manual has every directory of what is remembered between calls, and no other", () => {
  const made = [...programText().matchAll(/join\(stateDirectory, "([a-z]+)"\)/g)].map(
    ([, name = ""]) => name,
  );
  const told = [
    ...manualSection("FILES")
      .join("\n")
      .matchAll(/^\.It Pa ~\/\.local\/state\/preauth\/([a-z]+)\/$/gm),
  ];
  assert.deepEqual(told.map(([, name]) => name).sort(), made.sort());
  assert.notEqual(made.length, 0);
});

test("the manual has every exit status, and no other", () => {
  assert.deepEqual([...manualItems("EXIT STATUS", "Li").keys()].sort(), statuses());
});

test("doc/troubleshooting.md has every kind of failure, and no other", () => {
  const kinds = rowsOf("doc/troubleshooting.md", "kind").map(([kind]) => kind?.replaceAll("`", ""));
  assert.deepEqual(kinds.sort(), Object.keys(TROUBLES).sort());
});

test("the reasons in doc/troubleshooting.md are words of the program", () => {
  const source = programText();
  for (const [kind, reasons = ""] of rowsOf("doc/troubleshooting.md", "kind")) {
    const quoted = [...reasons.matchAll(/`([^`]+)`/g)].map(([, words = ""]) => words);
    assert.notEqual(quoted.length, 0, kind);
    for (const words of quoted) assert.ok(source.includes(words), words);
  }
});

/** The forms of the verbs, in the order of the table of verbs. */
const FORMS = Object.entries(VERBS).map(([name, verb]) => formOf(name, verb));

test("the manual's synopsis has the form of each verb, and no other", () => {
  const forms = manualSection("SYNOPSIS").join("\n").split(".Nm preauth\n");
  assert.deepEqual(
    forms.map((lines) => lines.trim().split("\n").map(formLine).join(" ")).filter((form) => /^--/.test(form)),
    FORMS,
  );
});

test("the manual describes each verb under its form, in their order, and no other", () => {
  const items = manualSection("DESCRIPTION").filter((line) => line.startsWith(".It Fl Fl "));
  assert.deepEqual(
    items.map((line) => formLine(line.replace(/^\.It /, "."))),
    FORMS,
  );
});

for (const page of PAGES) {
  test(`${page} is a page of mdoc(7) to groff and to mandoc`, () => {
    const file = fileURLToPath(new URL(`../../../${page}`, import.meta.url));
    const groff = spawnSync(program("groff"), ["-mandoc", "-ww", "-Tutf8", file], { encoding: "utf8" });
    assert.equal(groff.stderr, "");
    // Only names of pages that this machine may not have are a matter of the machine.
    const mandoc = spawnSync(program("mandoc"), ["-T", "lint", "-W", "style", file], { encoding: "utf8" });
    const said = mandoc.stdout.split("\n").filter((line) => line !== "" && !ELSEWHERE.test(line));
    assert.deepEqual(said, []);
  });
}

/** What mandoc remarks of the machine and the system, and not of the page. */
const ELSEWHERE = /referenced manual not found|operating system explicitly specified/;

describeForms("the manual's verbs", (form) => {
  for (const verb of Object.keys(VERBS) as readonly VerbName[]) {
    test(`--${verb} is a verb`, () => {
      // Five words are too many for any of them, and a verb that there is not is told before that.
      const [program = "", ...words] = [...form.argv, `--${verb}`, "a", "b", "c", "d", "e"];
      const { status, stderr } = spawnSync(program, words, { encoding: "utf8" });
      assert.match(stderr, /: one word too many: /);
      assert.equal(status, 64);
    });
  }
});
