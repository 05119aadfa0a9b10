const WIDTH = 80;

let silent = false;

/** Prints lines of plain text, no wider than a terminal of 80 columns where that is possible. */
export const page = {
  /** A heading, with a blank line before and after. */
  heading(text: string): void {
    print(`\n${text}\n`);
  },

  /** Text of several lines, moved in by three; lines that are too long stay as they are. */
  block(text: string): void {
    for (const line of text.trimEnd().split("\n")) print(`   ${line}`.trimEnd());
  },

  /** A sentence or more, wrapped, moved in by three. */
  text(text: string): void {
    for (const line of wrap(text, WIDTH - 3)) print(`   ${line}`);
  },

  /** One line of a dialogue: whole and wrapped, or cut to one line. */
  said(who: "C" | "S", line: string, whole = false): void {
    const room = WIDTH - 6;
    const cut = line.length > room ? [`${line.slice(0, room - 3)}...`] : [line];
    const lines = whole ? wrap(line, room) : cut;
    for (const [index, part] of lines.entries()) print(`   ${index === 0 ? `${who}:` : "  "} ${part}`);
  },

  blank(): void {
    print("");
  },

  /** Nothing more is printed: the demo was interrupted, and what still runs comes to its end. */
  silence(): void {
    silent = true;
  },
};

function print(line: string): void {
  if (!silent) process.stdout.write(`${line}\n`);
}

function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  for (const word of text.split(/\s+/)) {
    const last = lines.at(-1);
    if (last !== undefined && `${last} ${word}`.length <= width) lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(word);
  }
  return lines;
}

/** A table of numbers: names to the left, the columns right-aligned, the median last. */
export function timesTable(
  rows: readonly { readonly name: string; readonly times: readonly number[] }[],
): string {
  const cells = (values: readonly (string | number)[]) =>
    values.map((value) => String(value).padStart(6)).join("");
  const count = rows[0]?.times.length ?? 0;
  const names = Math.max(...rows.map((row) => row.name.length));
  const head = `${" ".repeat(names)}${cells([...Array(count).keys()].map((index) => index + 1))}  median`;
  const body = rows.map(
    ({ name, times }) => `${name.padEnd(names)}${cells(times.map(Math.round))}  ${cells([median(times)])}`,
  );
  return [head, ...body].join("\n");
}

/** The median, rounded. */
function median(times: readonly number[]): number {
  const sorted = [...times].sort((a, b) => a - b);
  return Math.round(sorted[Math.floor(sorted.length / 2)] ?? 0);
}
