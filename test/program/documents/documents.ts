import { readFileSync } from "node:fs";

/** The documents of the project, by their paths from its root. */
export const DOCUMENTS = [
  "README.md",
  "SECURITY.md",
  "CHANGELOG.md",
  "LICENSE",
  "pinerc.example",
  "doc/preauth.1",
  "doc/recipes.md",
  "doc/bun-licence.txt",
] as const;

/** The text of a document. */
export function documentText(path: (typeof DOCUMENTS)[number] | "package.json"): string {
  return readFileSync(new URL(`../../../${path}`, import.meta.url), "utf8");
}

/** The fenced blocks of a Markdown text that are marked with a language; "" for those that are not. */
export function fencedBlocks(markdown: string, language: string): readonly string[] {
  const fences = [...markdown.matchAll(/^```(\w*)\n(.*?)^```$/gms)];
  return fences.filter(([, mark]) => mark === language).map(([, , block = ""]) => block);
}

/** The block of the README that begins with these words, without its first line. */
export function readmeOutput(command: string): readonly string[] {
  const blocks = fencedBlocks(documentText("README.md"), "");
  const block = blocks.find((text) => text.startsWith(`$ ${command}\n`));
  if (block === undefined) throw new Error(`README.md does not show "${command}"`);
  return block.trimEnd().split("\n").slice(1);
}

/** The tables of hosts in the README. */
export function readmeTables(): readonly string[] {
  return fencedBlocks(documentText("README.md"), "toml");
}

/** The first cells of the README's table under a heading such as "status". */
export function readmeCells(heading: string): readonly string[] {
  const [, rows = ""] =
    new RegExp(`^\\| ${heading} \\|.*\\n\\|[-|]+\\n((?:\\|.*\\n)+)`, "m").exec(documentText("README.md")) ??
    [];
  return rows
    .trimEnd()
    .split("\n")
    .map((row) => row.split("|")[1]?.trim() ?? "");
}
