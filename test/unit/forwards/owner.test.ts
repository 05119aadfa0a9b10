import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { type Accepted, listenerOf, type Owner, Owners } from "../../../src/forwards/owner.ts";
import { SocketTables } from "../../../src/forwards/socket_tables.ts";
import type { Sought } from "../../../src/forwards/tcp_table.ts";
import { makeTemporary, removeTemporary } from "../../peers/temporary.ts";

let folder = "";
before(() => {
  folder = makeTemporary();
});
after(() => removeTemporary(folder));

/** One end of a row: an address as the kernel prints it, and a port. */
const CLIENT = "0100007F:C1A4";
const OURS = "0100007F:07E9";
const MAPPED = "0000000000000000FFFF00000100007F";
const SIX = "00000000000000000000000001000000";

const four = { peer: { address: "127.0.0.1", port: 0xc1a4 }, own: { address: "127.0.0.1", port: 2025 } };
const six = { peer: { address: "::1", port: 0xc1a4 }, own: { address: "::1", port: 2025 } };

function row(local: string, remote: string, uid: number, inode: number, state = "01"): string {
  return `   0: ${local} ${remote} ${state} 00000000:00000000 00:00000000 00000000  ${uid}        0 ${inode} 1 0 20 4 30 10 -1`;
}

/** The server's end of the connection. */
const own = row(OURS, CLIENT, 1000, 77);

/** Tables with these rows; `tcp6` undefined for a kernel without IPv6. */
function tables(tcp: readonly string[], tcp6?: readonly string[]): SocketTables {
  const proc = mkdtempSync(join(folder, "proc-"));
  mkdirSync(join(proc, "net"));
  writeFileSync(join(proc, "net/tcp"), `head\n${tcp.join("\n")}\n`);
  if (tcp6 !== undefined) writeFileSync(join(proc, "net/tcp6"), `head\n${tcp6.join("\n")}\n`);
  return new SocketTables({ proc, platform: "linux", order: "LE" });
}

function connectionOwner(tables: SocketTables, connection: Accepted): Promise<Owner> {
  return new Promise((resolve) => new Owners(tables).find(connection, resolve));
}

test("a connection is that of the socket at its other end, and not of ours", async () => {
  const found = await connectionOwner(tables([own, row(CLIENT, OURS, 1001, 5)]), four);
  assert.deepEqual(found, { kind: "uid", uid: 1001 });
});

test("a kernel without IPv6 has no tcp6, which is no trouble", async () => {
  const found = await connectionOwner(tables([row(CLIENT, OURS, 1001, 5), own]), four);
  assert.deepEqual(found, { kind: "uid", uid: 1001 });
});

test("a client's other connections from the same port do not count", async () => {
  const others = [
    row(CLIENT, "0100007F:07EA", 0, 6),
    row(CLIENT, "0200007F:07E9", 0, 7),
    row(CLIENT, "00000000:0000", 0, 8, "0A"),
  ];
  const found = await connectionOwner(tables([...others, own, row(CLIENT, OURS, 1001, 5)]), four);
  assert.deepEqual(found, { kind: "uid", uid: 1001 });
});

test("a client with an IPv6 socket to an IPv4 address is found in tcp6", async () => {
  const mapped = row(`${MAPPED}:C1A4`, `${MAPPED}:07E9`, 1001, 5);
  assert.deepEqual(await connectionOwner(tables([own], [mapped]), four), { kind: "uid", uid: 1001 });
});

test("a connection over IPv6 is found in tcp6", async () => {
  const rows = [row(`${SIX}:07E9`, `${SIX}:C1A4`, 1000, 77), row(`${SIX}:C1A4`, `${SIX}:07E9`, 1001, 5)];
  assert.deepEqual(await connectionOwner(tables([], rows), six), { kind: "uid", uid: 1001 });
  assert.equal((await connectionOwner(tables([], rows), four)).kind, "untold");
});

test("a socket that its process has let go of is nobody's, although its uid reads 0", async () => {
  const orphan = row(CLIENT, OURS, 0, 0, "04");
  const found = await connectionOwner(tables([own, orphan]), four);
  assert.deepEqual(found, { kind: "untold", why: "its process has closed it" });
});

test("without a row at its other end it cannot be told", async () => {
  const found = await connectionOwner(tables([own]), four);
  assert.deepEqual(found, { kind: "untold", why: "its other end is not on this machine" });
});

test("without our own end it is over, and its ports may be another's", async () => {
  for (const rest of [[], [row(OURS, CLIENT, 0, 0)]]) {
    const found = await connectionOwner(tables([row(CLIENT, OURS, 1000, 5), ...rest]), four);
    assert.deepEqual(found, { kind: "untold", why: "it has ended" });
  }
});

test("two sockets of two users that claim one connection are told apart from neither", async () => {
  const mapped = row(`${MAPPED}:C1A4`, `${MAPPED}:07E9`, 1001, 6);
  const found = await connectionOwner(tables([own, row(CLIENT, OURS, 1000, 5)], [mapped]), four);
  assert.equal(found.kind, "untold");
});

test("a table that cannot be read tells nothing on Linux, and is not expected elsewhere", async () => {
  const nowhere = join(folder, "nowhere");
  const linux = new SocketTables({ proc: nowhere, platform: "linux" });
  assert.match(JSON.stringify(await connectionOwner(linux, four)), /"untold".*cannot be read: ENOENT/);
  const other = new SocketTables({ proc: nowhere, platform: "freebsd" });
  assert.deepEqual(await connectionOwner(other, four), { kind: "no-table" });
});

const ANY = "00000000:0000";

test("a listener on the address itself, on all of IPv4 or on all of IPv6 has a port of 127.0.0.1", async () => {
  const any6 = `${"0".repeat(32)}:0000`;
  for (const rows of [
    tables([row("0100007F:07E9", ANY, 7, 5, "0A")]),
    tables([row("00000000:07E9", ANY, 7, 5, "0A")]),
    tables([], [row(`${"0".repeat(32)}:07E9`, any6, 7, 5, "0A")]),
  ]) {
    assert.deepEqual(await listenerOf(rows, "127.0.0.1", 2025), { uid: 7, inodes: [5] });
  }
});

test("the closest listener is the holder", async () => {
  const any6 = `${"0".repeat(32)}:0000`;
  const both = tables(
    [row("0100007F:07E9", ANY, 7, 5, "0A")],
    [row(`${"0".repeat(32)}:07E9`, any6, 8, 6, "0A")],
  );
  assert.equal((await listenerOf(both, "127.0.0.1", 2025))?.uid, 7);
  assert.equal((await listenerOf(both, "::1", 2025))?.uid, 8);
});

test("a connection, another address and another port are no listener", async () => {
  const rows = tables([own, row("0200007F:07E9", ANY, 7, 5, "0A"), row("0100007F:07EA", ANY, 7, 6, "0A")]);
  assert.equal(await listenerOf(rows, "127.0.0.1", 2025), undefined);
  assert.equal(await listenerOf(rows, "::1", 2025), undefined);
});

test("readers who come while the tables are read share the reading after it", async () => {
  const proc = mkdtempSync(join(folder, "proc-"));
  mkdirSync(join(proc, "net"));
  const table = join(proc, "net/tcp");
  writeFileSync(table, "");
  const shared = new SocketTables({ proc, platform: "linux", order: "LE" });
  const look = async (): Promise<Sought> => {
    let found: Sought = { rows: [] };
    await shared.tcp((search) => {
      found = search.add(four.own, four.peer);
    });
    return found;
  };
  const early = look();
  await Promise.resolve();
  writeFileSync(table, `${own}\n`);
  const late = await Promise.all([look(), look()]);
  await early;
  assert.deepEqual(
    late.map(({ rows }) => rows.length),
    [1, 1],
  );
});

test("a table of more than one piece is read whole, and a row that two pieces share", async () => {
  const strange = (port: number) =>
    row(`0100007F:${port.toString(16).toUpperCase().padStart(4, "0")}`, OURS, 1001, port);
  const many = Array.from({ length: 2000 }, (_, index) => strange(index + 1));
  const found = await connectionOwner(tables([...many, own, row(CLIENT, OURS, 1000, 5), ...many]), four);
  assert.deepEqual(found, { kind: "uid", uid: 1000 });
  const last = { peer: { address: "127.0.0.1", port: 2000 }, own: four.own };
  const ours = row(OURS, "0100007F:07D0", 1000, 9);
  assert.deepEqual(await connectionOwner(tables([ours, ...many]), last), { kind: "uid", uid: 1001 });
});
