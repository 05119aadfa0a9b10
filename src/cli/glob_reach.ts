import { fits } from "../table/stars.ts";

/** Characters that no SERVER has (valid_hostname in OpenSSH's ssh.c): braces and blanks above all. */
const NEVER = /['`"$\\;&<>|(){},\s]/;

/** The character of a glob that keeps it from matching any SERVER; undefined where there is none. */
export function neverIn(glob: string): string | undefined {
  const plain = glob.replace(/^!/, "");
  return NEVER.exec(plain)?.[0] ?? (plain.startsWith("-") ? "-" : undefined);
}

/** A glob without what does not matter in it. */
export function plainGlob(glob: string): string {
  return glob.toLowerCase().replace(/\.$/, "").replace(/\*+/g, "*");
}

/** Whether a glob matches all that another one does, as far as can be told by holding it against the other's text. */
export function covers(glob: string, other: string): boolean {
  const [wide, narrow] = [plainGlob(glob), plainGlob(other)];
  if (wide === narrow) return true;
  // A question mark is one character, and a star any number of them.
  if (wide.includes("?") && narrow.includes("*")) return false;
  return fits(Array.from(wide), Array.from(narrow));
}

/** A name that a glob matches. */
export function exampleOf(glob: string): string {
  return glob.replaceAll("*", "x").replaceAll("?", "x");
}

/** Whether it stands for one name alone. */
export function isName(glob: string): boolean {
  return !/^!|[*?]/.test(glob);
}
