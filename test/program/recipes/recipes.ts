import { readFileSync } from "node:fs";

const text = readFileSync(new URL("../../../doc/recipes.md", import.meta.url), "utf8");

/** What a test puts in place of a host name, a port or a path of the document. */
export type Replacements = Readonly<Record<string, string | number>>;

/** The blocks of the document that are marked for tests: `RECIPE FILE`, in order. */
export function markedBlocks(): readonly { readonly mark: string; readonly text: string }[] {
  const found = text.matchAll(/^<!-- test: (\S+ \S+) -->\n\n```\w*\n(.*?)^```$/gms);
  return [...found].map(([, mark = "", block = ""]) => ({ mark, text: block }));
}

/** A file of a recipe. Throws when it is not there, or has not all that is to be replaced. */
export function recipe(name: string, file: string, replacements: Replacements = {}): string {
  const block = markedBlocks().find(({ mark }) => mark === `${name} ${file}`);
  if (block === undefined) throw new Error(`doc/recipes.md has no "${name} ${file}"`);
  let replaced = block.text;
  for (const [from, to] of Object.entries(replacements)) {
    if (!replaced.includes(from)) throw new Error(`"${name} ${file}" has no "${from}"`);
    replaced = replaced.replaceAll(from, String(to));
  }
  return replaced;
}

/** The marks of all lines that look like one, to find those that are misspelt. */
export function marks(): readonly string[] {
  return [...text.matchAll(/^<!-- test:\s*(.*?)\s*-->$/gm)].map(([, mark = ""]) => mark);
}
