/**
 * A word as it has to stand in a shell's line. In sh, csh and fish alike: within quotes fish takes a backslash for more than
 * itself.
 */
export function quoted(word: string): string {
  if (/^[\w@%+=:,./-]+$/.test(word)) return word;
  if (/\n/.test(word)) return `'${word.replaceAll("'", "'\\''")}'`;
  return /['\\]/.test(word) ? word.replace(/[^\w@%+=:,./\u0080-\uffff-]/g, "\\$&") : `'${word}'`;
}
