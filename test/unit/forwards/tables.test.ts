import assert from "node:assert/strict";
import { test } from "node:test";
import { parseTcpTable } from "../../../src/forwards/tcp_table.ts";
import { parseUnixTable } from "../../../src/forwards/unix_table.ts";

const HEAD =
  "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode      ";
const TAIL = "1 000000005b9d94c7 100 0 0 10 0     ";

/** A row as /proc/net/tcp has it. */
function row(local: string, remote: string, state: string, uid: number, inode: number): string {
  return `   0: ${local} ${remote} ${state} 00000000:00000000 00:00000000 00000000 ${String(uid).padStart(5)}        0 ${inode} ${TAIL}`;
}

function table(...rows: readonly string[]): string {
  return `${[HEAD, ...rows].join("\n")}\n`;
}

test("a listening socket and an established one are read, with their owners", () => {
  const text = table(
    row("0100007F:07E9", "00000000:0000", "0A", 1000, 921693),
    row("0100007F:C1A4", "0100007F:07E9", "01", 1001, 5),
  );
  assert.deepEqual(parseTcpTable(text, 2025, "LE"), [
    {
      local: { address: "127.0.0.1", port: 2025 },
      remote: { address: "0.0.0.0", port: 0 },
      isListening: true,
      uid: 1000,
      inode: 921693,
    },
    {
      local: { address: "127.0.0.1", port: 49572 },
      remote: { address: "127.0.0.1", port: 2025 },
      isListening: false,
      uid: 1001,
      inode: 5,
    },
  ]);
});

test("a row of TIME_WAIT ends early and shows neither owner nor inode", () => {
  const text = table(
    "   7: 0100007F:07E9 0100007F:86C7 06 00000000:00000000 03:000008C0 00000000     0        0 0 3 00000000bde22b01      ",
  );
  const [waiting] = parseTcpTable(text, 2025, "LE");
  assert.equal(waiting?.uid, 0);
  assert.equal(waiting?.inode, 0);
});

test("a row that is cut off in the middle is left out", () => {
  const whole = row("0100007F:07E9", "00000000:0000", "0A", 1000, 921693);
  for (const length of [whole.indexOf("921693"), 60, 20]) {
    assert.deepEqual(parseTcpTable(table(whole.slice(0, length)), 2025, "LE"), []);
  }
});

test("a port is compared as a whole and at both ends", () => {
  const text = table(
    row("0100007F:07E9", "0100007F:1000", "01", 1, 1),
    row("0100007F:1000", "0100007F:07E9", "01", 2, 2),
    row("0100007F:17E9", "0100007F:1000", "01", 3, 3),
    row("0100007F:7E90", "0100007F:07EA", "01", 4, 4),
  );
  assert.deepEqual(
    parseTcpTable(text, 2025, "LE").map(({ uid }) => uid),
    [1, 2],
  );
  assert.deepEqual(
    parseTcpTable(table(row("0100007F:0019", "00000000:0000", "0A", 9, 9)), 25, "LE").length,
    1,
  );
});

test("an IPv4-mapped address in tcp6 is the IPv4 address", () => {
  const text = table(
    row("0000000000000000FFFF00000100007F:C1A4", "0000000000000000FFFF00000100007F:07E9", "01", 1000, 7),
  );
  const [mapped] = parseTcpTable(text, 2025, "LE");
  assert.deepEqual(mapped?.local, { address: "127.0.0.1", port: 49572 });
  assert.deepEqual(mapped?.remote, { address: "127.0.0.1", port: 2025 });
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
  test(`an IPv6 address is written as Node writes it: ${address}`, () => {
    const [found] = parseTcpTable(table(row(`${words}:07E9`, `${words}:0000`, "0A", 1, 1)), 2025, "LE");
    assert.equal(found?.local.address, address);
  });
}

test("on a big-endian machine the bytes of an address stand in their order", () => {
  const text = table(
    row("7F000001:07E9", "00000000:0000", "0A", 1, 1),
    row("00000000000000000000000000000001:07E9", "00000000000000000000000000000000:0000", "0A", 1, 2),
    row("00000000000000000000FFFF7F000001:07E9", "00000000000000000000000000000000:0000", "0A", 1, 3),
  );
  assert.deepEqual(
    parseTcpTable(text, 2025, "BE").map(({ local }) => local.address),
    ["127.0.0.1", "::1", "127.0.0.1"],
  );
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
