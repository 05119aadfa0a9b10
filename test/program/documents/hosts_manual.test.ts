import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { decide } from "../../../src/table/decide.ts";
import type { Decision } from "../../../src/table/decision.ts";
import { parseTable } from "../../../src/table/schema.ts";
import type { Forward, Host, PortCommand } from "../../../src/table/table.ts";
import { documentText } from "./documents.ts";
import { manualBlocks, manualItems, plain } from "./manual.ts";

const PAGE = "doc/preauth-hosts.5";

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

const PORT: Readonly<Record<keyof PortCommand, true>> = { to: true, login: true };

const SECTIONS = [
  { title: "KEYS OF A HOST", keys: Object.keys(HOST) },
  { title: "KEYS OF A FORWARD", keys: Object.keys(FORWARD) },
  { title: "A port", keys: Object.keys(PORT) },
] as const;

/** Values of each of TOML's types, some of which are right for any key of that type. */
const TEXTS = ["work", "~/file", "/file", "10s", "mail:25", "refuse", "same-user", "client", "imap"].map(
  (one) => JSON.stringify(one),
);
const VALUES = {
  string: TEXTS,
  list: TEXTS.map((one) => `[${one}]`),
  integer: ["1", "2025"],
  boolean: ["true"],
  table: ['{ imap = "auto" }', '{ imap = { to = "mail:25" } }'],
} as const;

/** What a key's type is called in the page, as types of TOML. */
function typesIn(said: string): readonly string[] {
  const words: Readonly<Record<keyof typeof VALUES, RegExp>> = {
    string: /^string|\bPATH\b|\bTIME\b|\bHOST:PORT\b|"/,
    list: /\blist\b/,
    integer: /\binteger\b/,
    boolean: /\bboolean\b/,
    table: /^table\b/,
  };
  return Object.entries(words).flatMap(([type, pattern]) => (pattern.test(said) ? [type] : []));
}

/** What stands in the brackets behind a key: `.It Ic port Pq integer`. */
function saidOf(item: string): string {
  const [, said = ""] = /^\.It Ic \S+ Pq (.*)$/m.exec(item) ?? [];
  return plain(said).replace(/\b(?:Ar|No|Li|Ic) /g, "");
}

/** A table with one more line in the entry that a section is about. */
function tableWith(title: string, key: string, value: string): string {
  if (title === "A port") {
    const others = key === "to" ? "" : 'to = "mail:25", ';
    return `[[host]]\nmatch = "h"\ncommands.smtp = { ${others}${key} = ${value} }\n`;
  }
  const own = `${key} = ${value}`;
  if (title === "KEYS OF A HOST") return `[[host]]\n${key === "match" ? "" : 'match = "h"\n'}${own}\n`;
  const usual = { name: '"n"', listen: "2026", to: '"mail:26"' };
  // With a method, one SERVER and no place.
  const others = key === "method" ? { name: '"n"', listen: "2026", via: '"work"' } : usual;
  const lines = Object.entries(others).filter(([name]) => name !== key);
  return `[[forward]]\n${lines.map(([name, one]) => `${name} = ${one}\n`).join("")}${own}\n`;
}

/** The types of TOML that the schema takes for a key. */
async function takenTypes(title: string, key: string): Promise<readonly string[]> {
  const taken: string[] = [];
  for (const [type, values] of Object.entries(VALUES)) {
    const tries = values.map((value) => parseTable(tableWith(title, key, value), "hosts.toml"));
    const outcomes = await Promise.allSettled(tries);
    if (outcomes.some(({ status }) => status === "fulfilled")) taken.push(type);
  }
  return taken;
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

describe("preauth-hosts(5)", () => {
  for (const { title, keys } of SECTIONS) {
    test(`has every key of the schema, and no other: ${title}`, () => {
      assert.deepEqual([...manualItems(title, "Ic", PAGE).keys()].sort(), [...keys].sort());
    });

    test(`says what each key does: ${title}`, () => {
      for (const [key, text] of manualItems(title, "Ic", PAGE)) {
        const said = text.replace(/^\.It .*\n/, "").replace(/^The default is[\s\S]*/m, "");
        assert.match(said, /\w/, key);
      }
    });

    test(`has the types that the schema takes: ${title}`, async () => {
      for (const [key, text] of manualItems(title, "Ic", PAGE)) {
        assert.deepEqual(typesIn(saidOf(text)).toSorted(), (await takenTypes(title, key)).toSorted(), key);
      }
    });

    test(`says which keys are required: ${title}`, async () => {
      for (const [key, text] of manualItems(title, "Ic", PAGE)) {
        const whole = tableWith(title, key, "0");
        const without = whole.replace(new RegExp(`(?:, )?${key.replace(".", "\\.")} = 0`), "");
        const isRequired =
          (await Promise.allSettled([parseTable(without, "hosts.toml")]))[0]?.status === "rejected";
        // Without a place there must be a method.
        assert.equal(/\brequired\b/.test(saidOf(text)), isRequired && key !== "method", key);
      }
    });
  }

  test("has the defaults of the program", async () => {
    const told: string[] = [];
    for (const [key, text] of manualItems("KEYS OF A HOST", "Ic", PAGE)) {
      const [, value] = /^The default is\n\.Li (\S+) \.$/m.exec(text) ?? [];
      if (value === undefined) continue;
      told.push(key);
      assert.deepEqual(await decided(`${key} = ${plain(value)}`), await decided(""), key);
    }
    assert.deepEqual(told, ["on_failure", "deadline", "share", "persist", "spare"]);
  });

  test("has tables that are tables", async () => {
    const tables = ["DESCRIPTION", "KEYS OF A FORWARD", "EXAMPLES"].map((title) => manualBlocks(title, PAGE));
    assert.deepEqual(
      tables.map((blocks) => blocks.length),
      [1, 1, 1],
    );
    for (const [table = ""] of tables) await parseTable(table, PAGE);
  });

  test("is what preauth(1) and doc/table.md send their readers to", () => {
    assert.match(documentText("doc/preauth.1"), /^\.Xr preauth-hosts 5\ndescribes its keys\.$/m);
    assert.match(documentText("doc/table.md"), /preauth-hosts\(5\) describes every key/);
  });
});
