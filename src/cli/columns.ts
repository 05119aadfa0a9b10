/** Rows of three as lines: the first two columns padded; a value too wide for its column stands on a line of its own. */
export function columns(rows: readonly (readonly [string, string, string])[]): readonly string[] {
  const names = Math.max(...rows.map(([name]) => name.length));
  const values = Math.min(WIDEST, Math.max(...rows.map(([, value]) => value.length)));
  return rows.map(([name, value, from]) =>
    `${name.padEnd(names)}  ${value.padEnd(values)}  ${from}`.trimEnd(),
  );
}

/** Characters of a value that the others are lined up with. */
const WIDEST = 50;

/** Text in lines of at most `width` columns, broken between words; each line begins with `indent` spaces. */
export function wrapped(text: string, width: number, indent = 0): readonly string[] {
  const lines: string[] = [];
  const start = " ".repeat(indent);
  let line = "";
  for (const word of text.split(" ")) {
    if (line !== "" && indent + line.length + 1 + word.length > width) {
      lines.push(start + line);
      line = word;
    } else {
      line = line === "" ? word : `${line} ${word}`;
    }
  }
  return [...lines, start + line];
}
