import type { AST } from "toml-eslint-parser";
import { parseTOML } from "toml-eslint-parser";
import type { Position, TomlPath } from "./table.ts";

/**
 * The places of keys and values in a TOML document. smol-toml has none for what it could read, so this
 * module brings a second parser: import it dynamically, and only to tell a person where something stands.
 */

/**
 * What to point at: the whole statement (`commands.imap = "auto"`, `[[host]]`) as --explain does, the last
 * name of its key, or its value.
 */
type Part = "statement" | "key" | "value";

/** A place, and the source text that stands there, cut to its first line; undefined when only near it. */
interface Spot extends Position {
  readonly text: string | undefined;
}

/** What to point at for each part: a node of the parser, or a stretch of the text like one. */
type Nodes = Readonly<Record<Part, AST.HasLocs>>;

/** The longest text that is quoted. */
const LONGEST = 80;

/**
 * A look-up of the places in a document. A path that is not there, or a document that the parser with
 * places cannot read, gives the nearest table or array around it, in the end line 1, column 1.
 */
export function spotsOf(document: string): (path: TomlPath, part: Part) => Spot {
  // The parser stumbles over a byte order mark, which editors do not count as a column either.
  const text = document.startsWith("\ufeff") ? document.slice(1) : document;
  const found = nodesOf(text);
  return (path, part) => {
    const exact = found.get(JSON.stringify(path));
    if (exact !== undefined) return { ...placeAt(exact[part]), text: excerpt(text, exact[part]) };
    for (let length = path.length - 1; length > 0; length--) {
      const around = found.get(JSON.stringify(path.slice(0, length)));
      if (around !== undefined) return { ...placeAt(around[part]), text: undefined };
    }
    return { line: 1, column: 1, text: undefined };
  };
}

/** A look-up of where the parts of a document begin and end, in UTF-16 units; undefined for a path that is not there. */
export function rangesOf(
  document: string,
): (path: TomlPath, part: Part) => { readonly start: number; readonly end: number } | undefined {
  const mark = document.startsWith("\ufeff") ? 1 : 0;
  const found = nodesOf(document.slice(mark));
  return (path, part) => {
    const node = found.get(JSON.stringify(path))?.[part];
    return node && { start: node.range[0] + mark, end: node.range[1] + mark };
  };
}

function nodesOf(text: string): ReadonlyMap<string, Nodes> {
  const found = new Map<string, Nodes>();
  for (const item of statementsOf(text)) {
    if (item.type === "TOMLKeyValue") addKeyValue(found, [], item);
    else addTable(found, text, item);
  }
  return found;
}

function statementsOf(text: string): AST.TOMLTopLevelTable["body"] {
  try {
    // "next" takes all that smol-toml takes: TOML 1.1.
    return parseTOML(text, { tomlVersion: "next" }).body[0].body;
  } catch {
    return [];
  }
}

/** A header [a.b] or [[a.b]] and the statements below it. */
function addTable(found: Map<string, Nodes>, text: string, table: AST.TOMLTable): void {
  const end = text.indexOf("]", table.key.range[1]) + (table.kind === "array" ? 2 : 1);
  const header: AST.HasLocs = { loc: table.loc, range: [table.range[0], end] };
  for (let length = 1; length <= table.resolvedKey.length; length++) {
    add(found, table.resolvedKey.slice(0, length), { statement: header, key: header, value: header });
  }
  for (const item of table.body) addKeyValue(found, table.resolvedKey, item);
}

/** A statement `a.b = value`, which also makes the table `a`. */
function addKeyValue(found: Map<string, Nodes>, base: TomlPath, item: AST.TOMLKeyValue): void {
  let path = base;
  for (const name of item.key.keys) {
    path = [...path, name.type === "TOMLBare" ? name.name : name.value];
    const value = name === item.key.keys.at(-1) ? item.value : item;
    add(found, path, { statement: item, key: name, value });
  }
  addValue(found, path, item.value);
}

/** What is inside an array or an inline table. */
function addValue(found: Map<string, Nodes>, path: TomlPath, value: AST.TOMLContentNode): void {
  if (value.type === "TOMLInlineTable") {
    for (const item of value.body) addKeyValue(found, path, item);
  } else if (value.type === "TOMLArray") {
    for (const [index, element] of value.elements.entries()) {
      const inside = [...path, index];
      add(found, inside, { statement: element, key: element, value: element });
      addValue(found, inside, element);
    }
  }
}

/** The first statement that touches a path is the one to point at. */
function add(found: Map<string, Nodes>, path: TomlPath, nodes: Nodes): void {
  const key = JSON.stringify(path);
  if (!found.has(key)) found.set(key, nodes);
}

/** The parser counts columns from 0, in UTF-16 units as smol-toml does. */
function placeAt({ loc: { start } }: AST.HasLocs): Position {
  return { line: start.line, column: start.column + 1 };
}

function excerpt(text: string, { range: [start, end] }: AST.HasLocs): string {
  const [first = ""] = text.slice(start, end).split(/\r?\n/, 1);
  const isWhole = first.length === end - start && first.length <= LONGEST;
  return isWhole ? first : `${first.slice(0, LONGEST)}...`;
}
