import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";

/** Where programs stand that are not on everybody's PATH. */
const ELSEWHERE = [
  "/usr/sbin",
  "/sbin",
  "/usr/local/sbin",
  "/usr/lib/dovecot",
  "/usr/libexec/dovecot",
  "/usr/local/libexec/dovecot",
  "/usr/lib/git-core",
];

/** The absolute path of a program; throws with the way to get it when it is not there. */
export function program(name: string): string {
  const found = findProgram(name);
  if (found === undefined) throw new Error(`${name} is missing: node test/setup.mjs`);
  return found;
}

/** The absolute path of a program, or undefined. */
export function findProgram(name: string): string | undefined {
  const folders = [...(process.env.PATH ?? "").split(delimiter), ...ELSEWHERE];
  return folders
    .filter((folder) => folder.startsWith("/"))
    .map((folder) => join(folder, name))
    .find(isExecutable);
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
