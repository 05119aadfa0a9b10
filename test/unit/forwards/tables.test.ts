import assert from "node:assert/strict";
import { test } from "node:test";
import { type ByteOrder, Search, type TcpEnd, type TcpRow } from "../../../src/forwards/tcp_table.ts";
import { parseUnixTable } from "../../../src/forwards/unix_table.ts";

const HEAD =
  "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode      ";
const TAIL = "1 000000005b9d94c7 100 0 0 10 0     ";

/** A row as /proc/net/tcp has it. */
function row(local: string, remote: string, state: string, uid: number, inode: number): string {
  return `   0: ${local} ${remote} ${state} 00000000:00000000 00:00000000 00000000 ${String(uid).padStart(5)}        0 ${inode} ${TAIL}`;
}

const NOBODY = { address: "0.0.0.0", port: 0 };

/** The rows of a table with these ends. */
function found(
  rows: readonly string[],
  local: TcpEnd,
  remote: TcpEnd,
  order: ByteOrder = "LE",
): readonly TcpRow[] {
  const search = new Search(order);
  const sought = search.add(local, remote);
  search.take(Buffer.from([HEAD, ...rows, ""].join("\n")));
  return sought.rows;
}

const LISTENER = { address: "127.0.0.1", port: 2025 };
const CLIENT = { address: "127.0.0.1", port: 0xc1a4 };

test("a listening socket and an established one are read, with their owners", () => {
  const rows = [
    row("0100007F:07E9", "00000000:0000", "0A", 1000, 921693),
    row("0100007F:C1A4", "0100007F:07E9", "01", 1001, 5),
  ];
  assert.deepEqual(found(rows, LISTENER, NOBODY), [{ isListening: true, uid: 1000, inode: 921693 }]);
  assert.deepEqual(found(rows, CLIENT, LISTENER), [{ isListening: false, uid: 1001, inode: 5 }]);
  assert.deepEqual(found(rows, LISTENER, CLIENT), []);
});

test("a row of TIME_WAIT ends early and shows neither owner nor inode", () => {
  const waiting =
    "   7: 0100007F:07E9 0100007F:C1A4 06 00000000:00000000 03:000008C0 00000000     0        0 0 3 00000000bde22b01      ";
  assert.deepEqual(found([waiting], LISTENER, CLIENT), [{ isListening: false, uid: 0, inode: 0 }]);
});

test("a row with a number of five digits and more is read like any other", () => {
  const line = row("0100007F:C1A4", "0100007F:07E9", "01", 1001, 5).replace("   0:", "123456:");
  assert.equal(found([line], CLIENT, LISTENER).length, 1);
});

test("a row that is cut off in the middle is left out", () => {
  const whole = row("0100007F:07E9", "00000000:0000", "0A", 1000, 921693);
  for (const length of [whole.indexOf("921693"), 60, 30, 20, 5, 0]) {
    assert.deepEqual(found([whole.slice(0, length)], LISTENER, NOBODY), [], `${length}`);
  }
});

test("both ends are compared as a whole", () => {
  const rows = [
    row("0100007F:07E9", "0100007F:1000", "01", 1, 1),
    row("0100007F:C1A4", "0200007F:07E9", "01", 2, 2),
    row("0100007F:1C1A", "0100007F:07E9", "01", 3, 3),
    row("0100007F:C1A4", "0100007F:07EA", "01", 4, 4),
  ];
  assert.deepEqual(found(rows, CLIENT, LISTENER), []);
  const low = row("0100007F:0019", "00000000:0000", "0A", 9, 9);
  assert.equal(found([low], { address: "127.0.0.1", port: 25 }, NOBODY).length, 1);
});

test("an IPv4-mapped address in tcp6 is the IPv4 address, however it is written", () => {
  const mapped = "0000000000000000FFFF00000100007F";
  const rows = [row(`${mapped}:C1A4`, `${mapped}:07E9`, "01", 1000, 7)];
  assert.equal(found(rows, CLIENT, LISTENER).length, 1);
  const address = "::ffff:127.0.0.1";
  assert.equal(found(rows, { ...CLIENT, address }, { ...LISTENER, address }).length, 1);
});

const SIX: readonly (readonly [words: string, address: string])[] = [
  ["00000000000000000000000001000000", "::1"],
  ["00000000000000000000000000000000", "::"],
  ["000080FE00000000FF00FC00010000FE", "fe80::fc:ff:fe00:1"],
  ["B80D0120000000000000000001000000", "2001:db8::1"],
  ["B80D0120000000000000010000000000", "2001:db8:0:0:1::"],
  ["00000100020000000000000003000000", "1:0:0:2::3"],
  ["02000100040003000600050008000700", "1:2:3:4:5:6:7:8"],
  ["00000100000002000000030000000400", "1:0:2:0:3:0:4:0"],
];

for (const [words, address] of SIX) {
  test(`an IPv6 address is found as Node writes it: ${address}`, () => {
    const rows = [row(`${words}:07E9`, `${"0".repeat(32)}:0000`, "0A", 1, 1)];
    assert.equal(found(rows, { address, port: 2025 }, { address: "::", port: 0 }).length, 1);
  });
}

test("on a big-endian machine the bytes of an address stand in their order", () => {
  const rows = [
    row("7F000001:07E9", "00000000:0000", "0A", 1, 1),
    row("00000000000000000000000000000001:07E9", "00000000000000000000000000000000:0000", "0A", 1, 2),
    row("00000000000000000000FFFF7F000001:07E9", "00000000000000000000FFFF7F000001:C1A4", "01", 1, 3),
  ];
  const inode = (local: TcpEnd, remote: TcpEnd) => found(rows, local, remote, "BE").map((one) => one.inode);
  assert.deepEqual(inode(LISTENER, NOBODY), [1]);
  assert.deepEqual(inode({ address: "::1", port: 2025 }, { address: "::", port: 0 }), [2]);
  assert.deepEqual(inode(LISTENER, CLIENT), [3]);
});

test("of Unix sockets those that listen and have a name are read", () => {
  const text = [
    "Num       RefCount Protocol Flags    Type St Inode Path",
    "0000000000000000: 00000002 00000000 00010000 0001 01 14361 /run/user/1000/smtp",
    "0000000000000000: 00000002 00000000 00010000 0001 01   361 /a name with spaces",
    "0000000000000000: 00000003 00000000 00000000 0001 03 14362 /run/user/1000/smtp",
    "0000000000000000: 00000002 00000000 00010000 0001 01 14363",
    "",
  ].join("\n");
  assert.deepEqual(parseUnixTable(text), [
    { path: "/run/user/1000/smtp", inode: 14361 },
    { path: "/a name with spaces", inode: 361 },
  ]);
});
