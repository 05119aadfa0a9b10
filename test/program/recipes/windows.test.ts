import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { program } from "../../peers/programs.ts";
import { documentText } from "../documents/documents.ts";

const PAGE = documentText("doc/recipes.md");

/** What stands in double quotes in a numbered list of the page, which begins behind these words; not names of recipes. */
function labels(opening: string): readonly string[] {
  const [, behind = ""] = PAGE.split(`${opening}\n\n1. `);
  const [list = ""] = behind.split(/\n\n(?! )/);
  const quoted = [...list.matchAll(/"([^"]+)"/g)].map(([, label = ""]) => label.replace(/\s+/g, " "));
  const found = quoted.filter((label) => !PAGE.includes(`\n## ${label}\n`));
  assert.ok(found.length > 5, `${found.length} labels behind "${opening}"`);
  return found;
}

/** The texts of programs and libraries, without the marks of shortcut keys. */
function texts(paths: readonly string[]): string {
  return paths.map((path) => readFileSync(path, "latin1").replaceAll("_", "")).join("\n");
}

/** The shared objects of a directory. */
function objects(folder: string): readonly string[] {
  return readdirSync(folder)
    .filter((name) => name.endsWith(".so") || /^libevolution-.*\.so\.\d+$/.test(name))
    .map((name) => join(folder, name));
}

/** The texts of Thunderbird in English, which are in an archive. */
function thunderbird(): string {
  const script = [
    "import sys, zipfile",
    "archive = zipfile.ZipFile('/usr/lib/thunderbird/omni.ja')",
    "folders = ('localization/en-US/messenger', 'chrome/en-US/locale/en-US/messenger')",
    "names = [name for name in archive.namelist() if name.startswith(folders)]",
    "sys.stdout.buffer.write(b'\\n'.join(archive.read(name) for name in names))",
  ];
  return execFileSync(program("python3"), ["-c", script.join("\n")], {
    encoding: "utf8",
    maxBuffer: 64 * 1024 * 1024,
  });
}

describe("the steps of doc/recipes.md through windows name what stands there", () => {
  const evolution = () =>
    texts([
      ...objects("/usr/lib/evolution"),
      ...objects("/usr/lib/evolution/modules"),
      ...objects("/usr/lib/evolution-data-server/camel-providers"),
    ]);
  const programs = [
    {
      name: "Evolution",
      opening: 'In Evolution\'s assistant (or "Edit", "Accounts" for an account that exists):',
      read: evolution,
    },
    {
      name: "Claws Mail",
      opening:
        "The wizard of Claws Mail has no field for a command, so Claws Mail cannot connect at first. Its preferences mend that:",
      read: () => texts([program("claws-mail")]),
    },
    { name: "Thunderbird", opening: "Thunderbird 140 shows these windows:", read: thunderbird },
  ];
  for (const { name, opening, read } of programs) {
    test(`those of ${name}`, () => {
      const text = read();
      for (const label of labels(opening)) assert.ok(text.includes(label), label);
    });
  }
});
