import { fits } from "./stars.ts";

/**
 * Which SERVERs a list of globs chooses: as PATTERNS of ssh_config(5), but that `!` alone chooses nothing.
 */

/**
 * Whether a list of globs (`match`, `via`) chooses a SERVER: one glob has to match and no `!glob` may.
 * Wildcards are `*` and `?` only. Case and one trailing dot do not matter on either side.
 */
export async function matches(globs: readonly string[], server: string): Promise<boolean> {
  const name = plain(server);
  let chosen = false;
  for (const glob of globs) {
    const excludes = glob.startsWith("!");
    if (chosen && !excludes) continue;
    const wanted = plain(excludes ? glob.slice(1) : glob);
    const hit = compared(wanted, name) ?? (await tried(wanted, name));
    if (hit && excludes) return false;
    chosen ||= hit;
  }
  return chosen;
}

/** A name as DNS sees it: lower case (RFC 4343), without the dot of the root (RFC 1034 section 3.1). */
function plain(name: string): string {
  const lower = name.toLowerCase();
  return lower.endsWith(".") ? lower.slice(0, -1) : lower;
}

/** The answer where it takes no more than a comparison: `name` and `*.suffix`; undefined for other globs. */
function compared(glob: string, name: string): boolean | undefined {
  const isSuffix = glob.startsWith("*");
  const rest = isSuffix ? glob.slice(1) : glob;
  if (rest.includes("*") || rest.includes("?")) return undefined;
  return isSuffix ? name.endsWith(rest) : name === rest;
}

/**
 * The answer for any other glob. An expression goes back to every star that it has met, so that each further one would
 * multiply what a name costs; and a long row of question marks takes milliseconds to compile.
 */
async function tried(glob: string, name: string): Promise<boolean> {
  const isPlain = count(glob, "*") <= 1 && count(glob, "?") <= MOST_COMPILED;
  return isPlain ? (await compiled(glob)).test(spelt(name)) : fits(Array.from(glob), Array.from(name));
}

/** Question marks of a glob that is compiled: more than the names of machines are numbered with. */
const MOST_COMPILED = 4;

function count(glob: string, wildcard: string): number {
  return glob.split(wildcard).length - 1;
}

/**
 * A glob as an expression for spelt names. picomatch is loaded here, because most tables never get
 * here. It is made for file names: brackets, braces and slashes mean something to it, and so do dots beside
 * a star. Spelt in letters and digits, a glob has nothing left for it but the two wildcards.
 */
async function compiled(glob: string): Promise<RegExp> {
  const { default: picomatch } = await import("picomatch");
  return picomatch.makeRe(spelt(glob).replaceAll("x00002a", "*").replaceAll("x00003f", "x??????"));
}

/**
 * A name as n and, for each character, x and its code in six hexadecimal digits: what stands for a character
 * is found nowhere but at its place.
 */
function spelt(name: string): string {
  const spell = (char: string): string => `x${(char.codePointAt(0) ?? 0).toString(16).padStart(6, "0")}`;
  return `n${Array.from(name, spell).join("")}`;
}
