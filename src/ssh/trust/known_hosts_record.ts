import { closeSync, constants, fstatSync, mkdirSync, openSync, readSync, writeSync } from "node:fs";
import { dirname } from "node:path";
import { ownUid } from "../../own_process.ts";
import { dangerOn } from "../../safe_way.ts";
import { typeOf } from "../keys/blob.ts";
import { hashName } from "./known_hosts.ts";

/** Never waits for the other end of a FIFO, and appends whatever others write meanwhile (open(2)). */
const APPENDING =
  constants.O_RDWR | constants.O_APPEND | constants.O_CREAT | constants.O_NOCTTY | constants.O_NONBLOCK;

/**
 * Adds a line to a known_hosts file in one write, with the newline that the last line may lack. The file is
 * made if need be (0600), and so is its directory (0700), but none above that. Gives a system error's code
 * when it could not be done. Root writes none among another's files, who could not read it (`sudo -E`): gives the reason.
 */
export function recordHostKey(file: string, name: string, key: Buffer, hashed: boolean): string | undefined {
  const line = `${hashed ? hashName(name) : name} ${typeOf(key)} ${key.toString("base64")}\n`;
  const danger = ownUid() === 0 ? dangerOn(file, 0) : undefined;
  if (danger !== undefined && danger.hint === undefined) return `it ${danger.what}`;
  try {
    makeDirectory(dirname(file));
    append(file, line);
    return undefined;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === undefined) throw error;
    return code;
  }
}

function makeDirectory(path: string): void {
  try {
    mkdirSync(path, { mode: 0o700 });
  } catch (error) {
    // It may well be there, in a place where nothing can be made (EROFS); if it is not, the file's error tells.
    if ((error as NodeJS.ErrnoException).code === undefined) throw error;
  }
}

function append(file: string, line: string): void {
  const descriptor = openSync(file, APPENDING, 0o600);
  try {
    const facts = fstatSync(descriptor);
    if (!facts.isFile() && !facts.isCharacterDevice()) {
      throw Object.assign(new Error(`${file} is not a regular file`), { code: "not a regular file" });
    }
    const bytes = Buffer.from(facts.isFile() && lacksNewline(descriptor, facts.size) ? `\n${line}` : line);
    if (writeSync(descriptor, bytes) !== bytes.length)
      throw Object.assign(new Error("no space"), { code: "ENOSPC" });
  } finally {
    closeSync(descriptor);
  }
}

function lacksNewline(descriptor: number, size: number): boolean {
  const last = Buffer.alloc(1);
  return size > 0 && readSync(descriptor, last, 0, 1, size - 1) === 1 && last[0] !== 0x0a;
}
