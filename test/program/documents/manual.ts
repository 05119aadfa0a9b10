import { documentText } from "./documents.ts";

/** The pages of the manual. */
export const PAGES = ["doc/preauth.1", "doc/preauth-hosts.5"] as const;

type Page = (typeof PAGES)[number];

/** The lines of a section (.Sh) or subsection (.Ss) of the manual, as mdoc(7) has them. */
export function manualSection(title: string, page: Page = PAGES[0]): readonly string[] {
  const lines = documentText(page).split("\n");
  const start = lines.findIndex((line) => line === `.Sh ${title}` || line === `.Ss ${title}`);
  if (start < 0) throw new Error(`${page} has no section "${title}"`);
  const rest = lines.slice(start + 1);
  const isNext = (line: string): boolean =>
    line.startsWith(".Sh ") || (lines[start]?.startsWith(".Ss ") === true && line.startsWith(".Ss "));
  const end = rest.findIndex(isNext);
  return end < 0 ? rest : rest.slice(0, end);
}

/** The items of a section's lists, by what they are about (`.It Li 64` and what follows), in order. */
export function manualItems(
  title: string,
  macro: string,
  page: Page = PAGES[0],
): ReadonlyMap<string, string> {
  const items = new Map<string, string>();
  const start = `.It ${macro} `;
  let name: string | undefined;
  for (const line of manualSection(title, page)) {
    if (line.startsWith(start)) name = plain(line.slice(start.length).split(" ")[0] ?? "");
    else if (/^\.(It|El)\b/.test(line)) name = undefined;
    if (name !== undefined) items.set(name, `${items.get(name) ?? ""}${line}\n`);
  }
  return items;
}

/** The literal blocks of a section, as they are to be typed. */
export function manualBlocks(title: string, page: Page = PAGES[0]): readonly string[] {
  const text = manualSection(title, page).join("\n");
  return [...text.matchAll(/^\.Bd -literal[^\n]*\n(.*?)^\.Ed$/gms)].map(([, block = ""]) => plain(block));
}

/** Text without the escapes of roff(7) that stand for ASCII characters. */
export function plain(text: string): string {
  return text
    .replaceAll("\\-", "-")
    .replaceAll("\\(aq", "'")
    .replaceAll("\\(dq", '"')
    .replaceAll("\\&", "")
    .replaceAll("\\e", "\\");
}

/** A line of the form of a verb (`.Op Fl Fl for Ar TIME`) as a person reads it: `[--for TIME]`. */
export function formLine(line: string): string {
  let text = "";
  let open = 0;
  for (const word of line.slice(1).split(" ")) {
    if (word === "Op" || word === "Oo") text += text === "" || text.endsWith("[") ? "[" : " [";
    if (word === "Op") open++;
    else if (word === "Oc") text += "]";
    else if (word === "Fl") text += /[^-[ ]$/.test(text) ? " -" : "-";
    else if (word !== "Oo" && word !== "Ar") text += /[^-[ ]$/.test(text) ? ` ${word}` : word;
  }
  return text + "]".repeat(open);
}
