// Bun's runtime for x64 is compiled for processors with SSE4.2, and an older one ends it with SIGILL, without a word. So
// the executable begins with 128 bytes that ask the processor first (CPUID leaf 1; Intel's manual, volume 2A), and go on
// to where the program begins. They stand in the gap in front of .text, which is mapped along with its first page.

import { sectionsOf } from "./elf.mjs";

/** What the runtime needs of CPUID leaf 1, register ECX: SSSE3, SSE4.1, SSE4.2 and POPCNT, which came by 2008. */
const NEEDED = (1 << 9) | (1 << 19) | (1 << 20) | (1 << 23);

const SENTENCE = "preauth: this processor has no SSE4.2: use preauth.js, the form for Node\n";

/** EX_UNAVAILABLE of sysexits(3). */
const STATUS = 69;

/** Bytes that are put in front of .text. */
const SIZE = 128;

/** Where fields stand in the header of a 64-bit ELF file, and in those of a segment and a section (elf(5)). */
const FILE = { machine: 0x12, entry: 0x18, segments: 0x20, segmentSize: 0x36, segmentCount: 0x38 };
const SEGMENT = { type: 0, flags: 4, offset: 8, address: 16, physical: 24, length: 32, memory: 40 };
const SECTION = { address: 16, offset: 24, length: 32, alignment: 48 };

const EM_X86_64 = 62;
const PT_LOAD = 1;
const PF_X = 1;

/** Changes an executable for Linux on x64 in place; leaves one for another processor alone. Throws where there is no gap. */
export function askProcessorFirst(file) {
  if (file.readUInt16LE(FILE.machine) !== EM_X86_64) return;
  const text = sectionsOf(file).find(({ name }) => name === ".text");
  const segment = segmentsOf(file).find(({ type, flags }) => type === PT_LOAD && (flags & PF_X) !== 0);
  const start = text.offset - SIZE;
  const isFree = file.subarray(start, text.offset).every((byte) => byte === 0);
  const isFirst = segment?.offset === text.offset && start >= endBefore(file, text.offset);
  if (!isFree || !isFirst || text.offset % 4096 < SIZE)
    throw new Error("the executable has no gap in front of .text");
  const entry = Number(file.readBigUInt64LE(FILE.entry));
  const address = Number(text.address) - SIZE;
  code(address, entry).copy(file, start);
  file.writeBigUInt64LE(BigInt(address), FILE.entry);
  const move = (header, fields, by) => {
    for (const field of fields)
      file.writeBigUInt64LE(file.readBigUInt64LE(header + field) + by, header + field);
  };
  move(segment.header, [SEGMENT.offset, SEGMENT.address, SEGMENT.physical], BigInt(-SIZE));
  move(segment.header, [SEGMENT.length, SEGMENT.memory], BigInt(SIZE));
  // The section too: strip(1) writes zeros where there is none.
  move(text.header, [SECTION.address, SECTION.offset], BigInt(-SIZE));
  move(text.header, [SECTION.length], BigInt(SIZE));
  const alignment = file.readBigUInt64LE(text.header + SECTION.alignment);
  if (alignment > SIZE) file.writeBigUInt64LE(BigInt(SIZE), text.header + SECTION.alignment);
}

/** The machine code, for this address: all registers but RAX, RBX, RCX and R8 come to `entry` as they were. */
function code(address, entry) {
  const bytes = Buffer.alloc(SIZE);
  let at = 0;
  const put = (...more) => {
    for (const byte of more) at = bytes.writeUInt8(byte, at);
  };
  const number = (value) => {
    at = bytes.writeInt32LE(value, at);
  };
  const text = SIZE - SENTENCE.length;
  put(0x49, 0x89, 0xd0); // mov r8, rdx: what the loader wants to be called at the end
  put(0x6a, 0x01, 0x58); // push 1; pop rax
  put(0x0f, 0xa2); // cpuid
  put(0x4c, 0x89, 0xc2); // mov rdx, r8
  put(0xf7, 0xd1); // not ecx
  put(0xf7, 0xc1); // test ecx, NEEDED
  number(NEEDED);
  put(0x0f, 0x84); // jz entry
  number(entry - (address + at + 4));
  put(0x6a, 0x01, 0x58); // push 1; pop rax: write(2)
  put(0x6a, 0x02, 0x5f); // push 2; pop rdi: standard error
  put(0x48, 0x8d, 0x35); // lea rsi, [rip + text]
  number(text - (at + 4));
  put(0x6a, SENTENCE.length, 0x5a); // push length; pop rdx
  put(0x0f, 0x05); // syscall
  put(0x6a, 0x3c, 0x58); // push 60; pop rax: _exit(2)
  put(0x6a, STATUS, 0x5f); // push status; pop rdi
  put(0x0f, 0x05); // syscall
  if (at > text) throw new Error("the sentence is too long");
  bytes.write(SENTENCE, text, "latin1");
  return bytes;
}

/** Where the last section in front of this place in the file ends. */
function endBefore(file, offset) {
  const ends = sectionsOf(file)
    .filter((section) => section.offset < offset)
    .map(({ end }) => end);
  return Math.max(0, ...ends);
}

function segmentsOf(file) {
  const start = Number(file.readBigUInt64LE(FILE.segments));
  const size = file.readUInt16LE(FILE.segmentSize);
  return Array.from({ length: file.readUInt16LE(FILE.segmentCount) }, (_, index) => {
    const header = start + index * size;
    return {
      header,
      type: file.readUInt32LE(header + SEGMENT.type),
      flags: file.readUInt32LE(header + SEGMENT.flags),
      offset: Number(file.readBigUInt64LE(header + SEGMENT.offset)),
    };
  });
}
