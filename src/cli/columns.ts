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

/**
 * Rows below their heads, each column as wide as its widest; on a terminal that is too narrow for that each value on a
 * line of its own.
 */
export function rowsUnder(
  heads: readonly string[],
  rows: readonly (readonly string[])[],
  columns: number | undefined,
): readonly string[] {
  const all = [heads, ...rows];
  const widths = heads.map((_head, index) => Math.max(...all.map((row) => (row[index] ?? "").length)));
  const whole = widths.reduce((sum, width) => sum + width + 2, -2);
  if (columns !== undefined && whole > columns) {
    return rows.flatMap((row, index) => [
      ...(index === 0 ? [] : [""]),
      ...row.map((cell, column) => `${(heads[column] ?? "").toLowerCase()}: ${cell}`),
    ]);
  }
  return all.map((row) =>
    row
      .map((cell, index) => cell.padEnd(widths[index] ?? 0))
      .join("  ")
      .trimEnd(),
  );
}

/** What a bar stands for: its name, its size, and the size as a person reads it. */
export interface Bar {
  readonly name: string;
  readonly size: number;
  readonly shown: string;
}

/** Bars below each other, the longest as long as `columns` leave room for; none where that is next to nothing. */
export function barLines(bars: readonly Bar[], columns: number): readonly string[] {
  const names = Math.max(...bars.map(({ name }) => name.length));
  const most = columns - names - 2 - Math.max(...bars.map(({ shown }) => shown.length)) - 2;
  const largest = Math.max(...bars.map(({ size }) => size));
  if (most < SHORTEST_BAR || largest === 0) return [];
  return bars.map(({ name, size, shown }) => {
    const length = size === 0 ? 0 : Math.max(1, Math.round((size / largest) * most));
    return `${name.padEnd(names)}  ${"#".repeat(length).padEnd(most)}  ${shown}`;
  });
}

/** Characters of a longest bar that tells nothing any more. */
const SHORTEST_BAR = 8;

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
