import { readFileSync } from "node:fs";

/** The documents of the project, by their paths from its root. */
export const DOCUMENTS = [
  "README.md",
  "SECURITY.md",
  "CHANGELOG.md",
  "LICENSE",
  "pinerc.example",
  "CONTRIBUTING.md",
  "doc/preauth.1",
  "doc/preauth-hosts.5",
  "doc/recipes.md",
  "doc/ssh.md",
  "doc/history.md",
  "doc/table.md",
  "doc/troubleshooting.md",
  "doc/packaging.md",
  "doc/bun-licence.txt",
] as const;

export type DocumentPath = (typeof DOCUMENTS)[number];

/** The text of a document. */
export function documentText(path: DocumentPath | "package.json"): string {
  return readFileSync(new URL(`../../../${path}`, import.meta.url), "utf8");
}

/** The fenced blocks of a Markdown text that are marked with a language; "" for those that are not. */
export function fencedBlocks(markdown: string, language: string): readonly string[] {
  const fences = [...markdown.matchAll(/^```(\w*)\n(.*?)^```$/gms)];
  return fences.filter(([, mark]) => mark === language).map(([, , block = ""]) => block);
}

/** The blocks of a document that begin with a command, each without that line. */
export function shownOutputs(path: DocumentPath, command: string): readonly (readonly string[])[] {
  const blocks = fencedBlocks(documentText(path), "").filter((text) => text.startsWith(`$ ${command}\n`));
  return blocks.map((block) => block.trimEnd().split("\n").slice(1));
}

/** The first such block of doc/troubleshooting.md. */
export function shownOutput(command: string): readonly string[] {
  const [first] = shownOutputs("doc/troubleshooting.md", command);
  if (first === undefined) throw new Error(`doc/troubleshooting.md does not show "${command}"`);
  return first;
}

/** The tables of hosts in a document. */
export function tablesOf(path: DocumentPath): readonly string[] {
  return fencedBlocks(documentText(path), "toml");
}

/** The table of hosts that doc/table.md begins with, which the other documents speak of. */
export function exampleTable(): string {
  return tablesOf("doc/table.md")[0] ?? "";
}

/** The cells of the rows of a document's table whose first column has this heading. */
export function rowsOf(path: DocumentPath, heading: string): readonly (readonly string[])[] {
  const table = new RegExp(`^\\| ${heading} \\|.*\\n\\|[-|]+\\n((?:\\|.*\\n)+)`, "m");
  const [, rows = ""] = table.exec(documentText(path)) ?? [];
  return rows
    .trimEnd()
    .split("\n")
    .map((row) =>
      row
        .split("|")
        .slice(1, -1)
        .map((cell) => cell.trim()),
    );
}
