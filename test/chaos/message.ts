import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Random } from "./random.ts";

/** Bytes of a line of base64 (RFC 2045 section 6.8), and how many lines are made at once. */
const LINE = 57;
const LINES = 1024;

/** A message that is like no other, with CRLF; about so many bytes. */
export function messageOf(random: Random, id: string, size: number): Buffer {
  const head = [
    "From: Joe Example <joe@mail.test>",
    `Subject: message ${id}`,
    `Message-ID: <${id}@chaos.test>`,
    "Date: Mon, 2 Nov 2026 10:00:00 +0000",
  ];
  const blocks: Buffer[] = [Buffer.from(`${head.join("\r\n")}\r\n\r\n`)];
  for (let left = Math.ceil((size * LINE) / 78); left > 0; left -= LINE * LINES) {
    const text = random.bytes(Math.min(left, LINE * LINES)).toString("base64");
    blocks.push(Buffer.from(text.replace(/.{1,76}/g, "$&\r\n"), "latin1"));
  }
  return Buffer.concat(blocks);
}

/** The sum of a message, whichever ends its lines have. */
export function sumOf(message: Buffer): string {
  const hash = createHash("sha256");
  // In pieces: fifty megabytes make a long string.
  for (let at = 0; at < message.length; at += 1024 * 1024) {
    hash.update(
      message
        .subarray(at, at + 1024 * 1024)
        .toString("latin1")
        .replaceAll("\r", ""),
      "latin1",
    );
  }
  return hash.digest("hex");
}

/** Header lines that synchronizing programs add for themselves. */
const ADDED = /^X-(?:TUID|OfflineIMAP): .*\r?\n/gim;

/** The sums of all messages in a folder of a Maildir, by the names in their Message-IDs. */
export function sumsIn(folder: string): ReadonlyMap<string, readonly string[]> {
  const found = new Map<string, string[]>();
  for (const file of ["new", "cur"].flatMap((name) => filesIn(join(folder, name)))) {
    const message = readFileSync(file);
    const end = message.indexOf("\n\r\n") < 0 ? message.indexOf("\n\n") : message.indexOf("\n\r\n");
    const head = message.subarray(0, end + 1).toString("latin1");
    const [, id = `no message: ${file}`] = /^Message-ID: <([^@]+)@/im.exec(head) ?? [];
    const rest = message.subarray(end + 1);
    const sum = sumOf(Buffer.concat([Buffer.from(head.replaceAll(ADDED, ""), "latin1"), rest]));
    found.set(id, [...(found.get(id) ?? []), sum]);
  }
  return found;
}

function filesIn(folder: string): string[] {
  try {
    return readdirSync(folder).map((name) => join(folder, name));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw error;
  }
}
