import { createHash } from "node:crypto";

/*
 * The executable for macOS cannot be run here. What can be held against its bytes: that its signature covers the whole
 * file and that the hash of every page is the one that the signature has (Apple's xnu: osfmk/kern/cs_blobs.h); macOS ends
 * a program at the first page that is not.
 */

const SIGNATURE = 0x1d;
const BUILD_VERSION = 0x32;
const CODE_DIRECTORY = 0xfade0c02;

/** Throws at the first thing that would keep macOS from running these bytes; gives a line about what was seen. */
export function checkMachO(bytes) {
  if (bytes.readUInt32LE(0) !== 0xfeedfacf) throw new Error("not a 64-bit Mach-O file");
  if (bytes.readUInt32LE(4) !== 0x0100000c) throw new Error("not for arm64");
  let offset = 32;
  let signature;
  let least = "unknown";
  for (let left = bytes.readUInt32LE(16); left > 0; left--) {
    const command = bytes.readUInt32LE(offset);
    if (command === SIGNATURE)
      signature = { start: bytes.readUInt32LE(offset + 8), size: bytes.readUInt32LE(offset + 12) };
    if (command === BUILD_VERSION)
      least = `${bytes.readUInt16LE(offset + 14)}.${bytes.readUInt8(offset + 13)}`;
    offset += bytes.readUInt32LE(offset + 4);
  }
  if (signature === undefined) throw new Error("not signed");
  if (signature.start + signature.size !== bytes.length)
    throw new Error("the signature is not at the end of the file");
  const pages = checkPages(bytes, signature.start);
  return `signed, ${pages} pages, macOS ${least} or later`;
}

function checkPages(bytes, start) {
  for (let left = bytes.readUInt32BE(start + 8), index = start + 12; left > 0; left--, index += 8) {
    const blob = start + bytes.readUInt32BE(index + 4);
    if (bytes.readUInt32BE(blob) !== CODE_DIRECTORY) continue;
    const hashes = blob + bytes.readUInt32BE(blob + 16);
    const count = bytes.readUInt32BE(blob + 28);
    const limit = bytes.readUInt32BE(blob + 32);
    const size = bytes.readUInt8(blob + 36);
    const page = 1 << bytes.readUInt8(blob + 39);
    let wrong = 0;
    for (let one = 0; one < count; one++) {
      const content = bytes.subarray(one * page, Math.min((one + 1) * page, limit));
      const hash = createHash("sha256").update(content).digest().subarray(0, size);
      if (!hash.equals(bytes.subarray(hashes + one * size, hashes + (one + 1) * size))) wrong++;
    }
    if (wrong > 0) throw new Error(`${wrong} of ${count} pages are not those that were signed`);
    return count;
  }
  throw new Error("the signature has no list of pages");
}
