/** The most words that a sentence may have. */
export const MOST_WORDS = 25;

/** What ends in a full stop and ends no sentence. */
const ABBREVIATIONS = /\b(?:e\.g|i\.e|etc|vs|cf)\.$/;

/** A name of ssh_config or of an algorithm: CamelCase, or with digits and hyphens. */
const NAME = String.raw`(?:CODE|[A-Z]\w*[A-Z]\w*|[a-z]+[0-9][\w-]*|[A-Z][a-z]+[A-Z]\w+)`;

/** Names in a row, which are read as one thing: "User, Port and HostName". */
const NAMES = new RegExp(`${NAME}(?:(?:,| and| or|, and|, or) ${NAME}){2,}`, "g");

/** The sentences of a text that holds no markup but code, which counts as a word. */
function sentences(block: string): readonly string[] {
  const found: string[] = [];
  let begun = "";
  for (const part of block
    .replace(/\s+/g, " ")
    .trim()
    .split(/(?<=[.!?]["')*]*) /)) {
    begun = begun === "" ? part : `${begun} ${part}`;
    if (ABBREVIATIONS.test(begun)) continue;
    found.push(begun);
    begun = "";
  }
  return begun === "" ? found : [...found, begun];
}

/** How many words a sentence has. Code is one, names in a row are one, and marks are none. */
export function wordsIn(sentence: string): number {
  const counted = sentence.replace(NAMES, "NAMES").split(/[\s]+/);
  return counted.filter((word) => /[\p{L}\p{N}]/u.test(word)).length;
}

/** The sentences of a Markdown text: of its paragraphs, items, headings and cells, without what is to be typed. */
export function markdownSentences(markdown: string): readonly string[] {
  const prose = markdown
    .replace(/^```.*?^```$/gms, "\n")
    .replace(/<!--.*?-->/gs, "")
    .replace(/`[^`]+`/g, "CODE")
    .replace(/!?\[([^\]]*)\]\([^)]*\)/g, "$1")
    .replace(/\*\*/g, "");
  const lines = prose.split("\n").flatMap((line) => {
    if (/^\|[-| ]+\|$/.test(line)) return [""];
    if (line.startsWith("|")) return line.split("|").flatMap((cell) => ["", cell]);
    if (/^#+ /.test(line)) return ["", line.replace(/^#+ /, ""), ""];
    const item = /^\s*(?:[-*]|\d+\.) (.*)$/.exec(line);
    return item === null ? [line] : ["", item[1] ?? ""];
  });
  return blocksOf(lines).flatMap(sentences);
}

/** The sentences of a page in mdoc(7). */
export function manualSentences(page: string): readonly string[] {
  const prose = page
    .replace(/^\.Sh SYNOPSIS\n.*?(?=^\.Sh )/ms, "")
    .replace(/^\.Bd [^\n]*\n.*?^\.Ed$/gms, "CODE.")
    .replaceAll("\\&", "")
    .replace(/\\\((?:dq|aq)/g, "'");
  const lines = prose.split("\n").flatMap((line) => {
    if (line.startsWith('.\\"')) return [];
    if (/^\.(?:Dd|Dt|Os|Nd|Pp|Bl|El|Sh|Ss|It)\b/.test(line)) return [""];
    if (line.startsWith(".Dl ")) return ["CODE."];
    return [line.startsWith(".") ? spoken(line.slice(1).split(" ")) : line.replaceAll("\\", "")];
  });
  // A macro sets marks apart that belong to the word before them.
  return blocksOf(lines.map((line) => line.replace(/ ([.,;:)])/g, "$1"))).flatMap(sentences);
}

/** Macros of mdoc(7) whose words are one thing that is typed, as code is in Markdown. */
const CODES = new Set(["Ar", "Cm", "Ev", "Fl", "Ic", "Li", "Pa", "Ql", "Va", "Xr"]);

/** The words of a macro's line. */
function spoken(words: readonly string[]): string {
  let text = "";
  let isCode = false;
  for (const word of words) {
    const isMacro = /^[A-Z][a-z]$/.test(word);
    if (word === "Ns") text = text.trimEnd();
    // Of one macro after another the first is enough: `.Fl Fl check`, `.Pq Cm MaxSessions`.
    const isMark = /^[.,;:)(]$/.test(word);
    if (isCode && !isMacro && !isMark && /[,;] $/.test(text)) text += "CODE ";
    if (CODES.has(word) && !isCode) text += "CODE ";
    if (isMacro) isCode = CODES.has(word) || (isCode && word === "Ns");
    else if (!isCode || isMark) text += `${word.replaceAll("\\", "")} `;
  }
  return (words[0] === "Nm" && words.length < 3 ? `preauth ${text}` : text).trim();
}

/** Lines between empty ones, joined. */
function blocksOf(lines: readonly string[]): readonly string[] {
  return lines
    .join("\n")
    .split(/\n(?:\s*\n)+/)
    .filter((block) => block.trim() !== "");
}
