/** Notes for a person as texts for a program: without "note: ", and with the lines that go on joined to their first. */
export function plainNotes(lines: readonly string[]): readonly string[] {
  const notes: string[] = [];
  for (const line of lines.filter((one) => one !== "")) {
    const last = notes.at(-1);
    if (line.startsWith("  ") && last !== undefined) notes[notes.length - 1] = `${last}; ${line.trim()}`;
    else notes.push(line.replace(/^note: /, ""));
  }
  return notes;
}
