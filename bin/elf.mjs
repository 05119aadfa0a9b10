// Bun 1.4.5 puts what it has compiled into a section .bun of its runtime, and the address of that into eight bytes which
// are part of no section: they lie behind one, where .bun was before. strip(1), and so rpmbuild, dh_strip and makepkg,
// writes zeros between sections. What is left is Bun itself, which runs a file of the current directory that is called
// like the first word: a mailbox of that name would have it run. So the section in front of those bytes is made to end
// behind them: strip keeps them then, and nothing else changes, since whoever runs a program does not read the sections.

/** Where fields stand in the header of a 64-bit ELF file and in that of a section (elf(5)). */
const FILE = { sections: 0x28, size: 0x3a, count: 0x3c, names: 0x3e };
const SECTION = { type: 4, address: 16, offset: 24, size: 32 };

/** SHT_NOBITS: a section that has no bytes in the file. */
const NOBITS = 8;

/** Bytes of an address. */
const ADDRESS = 8;

/** Changes an executable for Linux in place. Throws when it is not laid out as above: then it must be looked at anew. */
export function keepBundleThroughStrip(file) {
  if (file.readUInt32BE(0) !== 0x7f454c46 || file[4] !== 2 || file[5] !== 1) {
    throw new Error("the executable is no 64-bit little-endian ELF file");
  }
  const sections = sectionsOf(file);
  const bundle = sections.find(({ name }) => name === ".bun");
  if (bundle === undefined) throw new Error("the executable has no section .bun");
  const isBefore = ({ type, end }) =>
    type !== NOBITS && end + ADDRESS <= file.length && file.readBigUInt64LE(end) === bundle.address;
  const [section, ...others] = sections.filter(isBefore);
  if (section === undefined || others.length > 0) {
    throw new Error(
      `the address of .bun stands behind ${others.length + (section ? 1 : 0)} sections, not one`,
    );
  }
  file.writeBigUInt64LE(BigInt(section.end - section.offset + ADDRESS), section.header + SECTION.size);
}

/** The sections of a 64-bit ELF file, with the places of their headers. */
export function sectionsOf(file) {
  const start = Number(file.readBigUInt64LE(FILE.sections));
  const size = file.readUInt16LE(FILE.size);
  const headers = Array.from({ length: file.readUInt16LE(FILE.count) }, (_, index) => start + index * size);
  const number = (header, field) => Number(file.readBigUInt64LE(header + field));
  const names = number(headers[file.readUInt16LE(FILE.names)], SECTION.offset);
  return headers.map((header) => {
    const name = names + file.readUInt32LE(header);
    const offset = number(header, SECTION.offset);
    return {
      header,
      name: file.toString("latin1", name, file.indexOf(0, name)),
      type: file.readUInt32LE(header + SECTION.type),
      address: file.readBigUInt64LE(header + SECTION.address),
      offset,
      end: offset + number(header, SECTION.size),
    };
  });
}
