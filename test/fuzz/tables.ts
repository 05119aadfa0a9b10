import assert from "node:assert/strict";
import fc from "fast-check";
import { Search, type TcpEnd } from "../../src/forwards/tcp_table.ts";
import { parseUnixTable } from "../../src/forwards/unix_table.ts";
import { attack } from "./attack.ts";

const LOCAL: TcpEnd = { address: "127.0.0.1", port: 2025 };
const REMOTE: TcpEnd = { address: "127.0.0.1", port: 0xc1a4 };

const HERE = ["0100007F:07E9", "0000000000000000FFFF00000100007F:07E9"];
const THERE = ["0100007F:C1A4", "0000000000000000FFFF00000100007F:C1A4"];
const end = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom(...HERE, ...THERE) },
  {
    weight: 1,
    arbitrary: fc.constantFrom(
      "",
      ":",
      "0100007F",
      "0100007F:7E9",
      "0100007F:07E90",
      "0100007f:07e9",
      "FFFFFFFF:FFFF",
    ),
  },
);
const word = fc.constantFrom(
  "01",
  "0A",
  "06",
  "0",
  "",
  "0 0",
  "00000000:00000000",
  "12345",
  "-1",
  "9".repeat(30),
);

/** A row as the kernel writes it, or one that is not. */
const row = fc.oneof(
  {
    weight: 4,
    arbitrary: fc
      .tuple(fc.nat(200_000), end, end, fc.constantFrom("01", "0A", "06"), fc.nat(70_000), fc.nat(1 << 30))
      .map(
        ([number, one, other, state, uid, inode]) =>
          `${String(number).padStart(4)}: ${one} ${other} ${state} 00000000:00000000 00:00000000 00000000  ${uid}        0 ${inode} 1 0 20 4 30 10 -1`,
      ),
  },
  {
    weight: 1,
    arbitrary: fc.array(fc.oneof(end, word), { maxLength: 14 }).map((words) => `  0: ${words.join(" ")}`),
  },
  { weight: 1, arbitrary: fc.string({ unit: "binary-ascii", maxLength: 80 }) },
);

/** The same said by an expression for the whole line: slow, and plain. */
const ROW =
  /^[^:]*: (0{16}FFFF0000|)(\S{8}):(\S{4}) \1(\S{8}):(\S{4}) ([0-9A-F]{2}) \S+ \S+ \S+ +(\d+) +\d+ +(\d+)(?: |$)/;

function expected(lines: readonly string[]): unknown[] {
  return lines.flatMap((line) => {
    const [, , local, localPort, remote, remotePort, state, uid, inode] = ROW.exec(line) ?? [];
    const isIt = `${local}:${localPort} ${remote}:${remotePort}` === `${HERE[0]} ${THERE[0]}`;
    return isIt ? [{ isListening: state === "0A", uid: Number(uid), inode: Number(inode) }] : [];
  });
}

async function hold(rows: readonly string[]): Promise<void> {
  const lines = rows.flatMap((one) => one.split("\n"));
  const search = new Search("LE");
  const sought = search.add(LOCAL, REMOTE);
  search.take(Buffer.from(lines.join("\n"), "latin1"));
  assert.deepEqual(sought.rows, expected(lines));
  for (const { path, inode } of parseUnixTable(lines.join("\n"))) assert.ok(path !== "" && inode >= 0);
}

export const tableAttack = attack("tables of sockets", 2000, fc.array(row, { maxLength: 12 }), hold);
