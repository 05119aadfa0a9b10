/** Columns from which on what is lined up stays so; below, its spaces give way to the text. */
const ROOMY = 60;

/** What goes on with a line of its own. */
const INDENT = 2;

/**
 * A line in as many as a terminal of `columns` needs, broken between words, and within a word that is longer than a line.
 * What is to be typed at its end, behind a colon, stands on lines of its own, which can be typed and pasted as they are.
 */
export function fitted(line: string, columns: number | undefined): readonly string[] {
  if (columns === undefined || line.length <= columns) return [line];
  const [, text = "", typed] = TYPED.exec(line) ?? [];
  if (typed === undefined) return broken(line, columns);
  return [...broken(text, columns), ...shellLines(typed, columns).map((one) => " ".repeat(INDENT) + one)];
}

/** Text, and behind its last colon a line for a shell, for the table or for a configuration. */
const TYPED =
  /^(?!usage: )(.*?: )((?:preauth|ssh|ssh-[a-z-]+|echo|mkdir|getent|dscacheutil|eval|chmod|chown|kill) .*|[\w.-]+ ?= ?\S.*)$/;

function broken(line: string, columns: number): readonly string[] {
  const [indent = ""] = /^ */.exec(line) ?? [];
  const text = line.trim();
  const words = (columns < ROOMY ? text.replace(/ {2,}/g, " ") : text).split(" ");
  const hanging = " ".repeat(Math.min(indent.length + INDENT, columns >> 1));
  const lines: string[] = [];
  let current = indent;
  let isEmpty = true;
  for (const word of words) {
    if (!isEmpty && current.length + 1 + word.length > columns) {
      lines.push(current.trimEnd());
      current = hanging;
      isEmpty = true;
    }
    current += isEmpty ? word : ` ${word}`;
    isEmpty = false;
    while (current.length > columns) {
      lines.push(current.slice(0, columns));
      current = hanging + current.slice(columns);
    }
  }
  return [...lines, current.trimEnd()];
}

/** A line for the shell in several, each but the last with a backslash at its end. One for a file stays whole. */
function shellLines(line: string, columns: number): readonly string[] {
  if (/^[\w.-]+ ?= ?/.test(line)) return [line];
  const words = line.match(/(?:'[^']*'|"[^"]*"|[^\s'"])+/g) ?? [line];
  const lines: string[] = [];
  let current = "";
  for (const word of words) {
    // The indent, and " \" at the end.
    if (current !== "" && INDENT + current.length + 1 + word.length + 2 > columns) {
      lines.push(`${current} \\`);
      current = word;
    } else {
      current += current === "" ? word : ` ${word}`;
    }
  }
  return [...lines, current];
}
