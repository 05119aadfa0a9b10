import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { formOf } from "../../../src/cli/help.ts";
import { VERBS, type VerbName } from "../../../src/cli/verbs.ts";
import { Failure, type Trouble } from "../../../src/failure.ts";
import { decide } from "../../../src/table/decide.ts";
import type { Decision } from "../../../src/table/decision.ts";
import { parseTable } from "../../../src/table/schema.ts";
import type { Forward, Host } from "../../../src/table/table.ts";
import { describeForms } from "../../peers/binaries.ts";
import { rowsOf } from "./documents.ts";
import { formLine, manualBlocks, manualItems, manualSection, plain } from "./manual.ts";

type ForwardKey = Exclude<keyof Forward, "unless"> | `unless.${keyof Forward["unless"]}`;

// As records of the types, these lists cannot miss a key: the compiler would say so.
const HOST: Readonly<Record<keyof Host, true>> = {
  ...{ match: true, server: true, user: true, port: true, identity: true, ssh_config: true },
  ...{ known_hosts: true, compression: true, on_failure: true, deadline: true },
  ...{ command: true, commands: true, share: true, persist: true, spare: true },
};

const FORWARD: Readonly<Record<ForwardKey, true>> = {
  ...{ name: true, listen: true, to: true, method: true, via: true },
  ...{ "unless.domain": true, "unless.reachable": true, allow: true },
};

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

function values(decision: Decision | undefined): unknown {
  return Object.entries(decision ?? {}).map(([key, value]) => [
    key,
    typeof value === "object" && "value" in value ? value.value : value,
  ]);
}

async function decided(line: string): Promise<unknown> {
  const table = await parseTable(`[[host]]\nmatch = "h"\n${line}\n`, "hosts.toml");
  return values(await decide(table, { server: "h", method: "imap" }));
}

test("the manual has every key of a host, and no other", () => {
  assert.deepEqual([...manualItems("Keys of a host", "Ic").keys()].sort(), Object.keys(HOST).sort());
});

test("the manual has every key of a forward, and no other", () => {
  assert.deepEqual([...manualItems("Keys of a forward", "Ic").keys()].sort(), Object.keys(FORWARD).sort());
});

test("the manual says what each key does", () => {
  for (const title of ["Keys of a host", "Keys of a forward"]) {
    for (const [key, text] of manualItems(title, "Ic")) {
      const said = text.replace(/^\.It .*\n/, "").replace(/^The default is[\s\S]*/m, "");
      assert.match(said, /\w/, key);
      assert.doesNotMatch(said, /no effect/i, key);
    }
  }
});

test("the manual has every variable that says where the program's files are, and no other", () => {
  const used = new Set(programText().match(PLACE));
  const told = [...manualItems("ENVIRONMENT", "Ev").keys()].filter((name) => name.search(PLACE) === 0);
  assert.deepEqual(told.sort(), [...used].sort());
});

test("the defaults of the manual are those of the program", async () => {
  const told: string[] = [];
  for (const [key, text] of manualItems("Keys of a host", "Ic")) {
    const [, value] = /^The default is\n\.Li (\S+) \.$/m.exec(text) ?? [];
    if (value === undefined) continue;
    told.push(key);
    assert.deepEqual(await decided(`${key} = ${plain(value)}`), await decided(""), key);
  }
  assert.deepEqual(told, ["on_failure", "deadline", "share", "persist", "spare"]);
});

test("the tables of the manual are tables", async () => {
  const tables = manualBlocks("THE TABLE");
  assert.equal(tables.length, 2);
  for (const table of tables) await parseTable(table, "preauth.1");
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
