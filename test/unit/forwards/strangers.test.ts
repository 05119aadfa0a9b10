import assert from "node:assert/strict";
import { connect, type Socket } from "node:net";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { SocketTables } from "../../../src/forwards/socket_tables.ts";
import type { Search } from "../../../src/forwards/tcp_table.ts";
import { silentServer } from "../../peers/tcp.ts";
import { makeTemporary, removeTemporary } from "../../peers/temporary.ts";
import { poll, within } from "../../peers/waiting.ts";
import { OWN, runClient, STRANGER, withoutRoot } from "./fixtures.ts";
import { echo, received, stage } from "./stage.ts";

let folder = "";
before(() => {
  folder = makeTemporary();
});
after(() => removeTemporary(folder));

test("a client over IPv6 is carried", async () => {
  await using target = await echo();
  await using on = await stage({ to: target, host: "::1" });
  assert.equal(await runClient({ address: "::1", port: on.port, say: "six" }), "six");
});

test("a client with an IPv6 socket to an IPv4 address is carried", async () => {
  await using target = await echo();
  await using on = await stage({ to: target });
  assert.equal(await runClient({ address: "::ffff:127.0.0.1", port: on.port, say: "mapped" }), "mapped");
});

for (const [host, address] of [
  ["127.0.0.1", "127.0.0.1"],
  ["::1", "::1"],
  ["127.0.0.1", "::ffff:127.0.0.1"],
] as const) {
  test(`another user's connection to ${address} is refused, and none is opened for it`, {
    skip: withoutRoot,
  }, async () => {
    await using target = await echo();
    await using on = await stage({ to: target, host });
    const client = { address, port: on.port, say: "let me in", uid: STRANGER };
    assert.doesNotMatch(await runClient(client), /let me in/);
    assert.doesNotMatch(await runClient(client), /let me in/);
    await within(on.traffic.idle(), "idle");
    assert.equal(target.connections, 0);
    assert.deepEqual(on.notes, ['forward "smtp": refused a connection: it is uid 12345\'s']);
  });
}

test("our own connection is refused where another user's are carried", async () => {
  await using target = await echo();
  await using on = await stage({ to: target, uid: STRANGER });
  assert.equal(await runClient({ address: "127.0.0.1", port: on.port, say: "x" }), "");
  assert.deepEqual(on.notes, [`forward "smtp": refused a connection: it is uid ${OWN}'s`]);
});

test("any-user lets another user in", { skip: withoutRoot }, async () => {
  await using target = await echo();
  await using on = await stage({ to: target, allow: "any-user" });
  const client = { address: "127.0.0.1", port: on.port, say: "thanks", uid: STRANGER };
  assert.equal(await runClient(client), "thanks");
});

/** This system's tables, which nobody can read before they are opened. */
class LateTables extends SocketTables {
  open: () => void = () => {};
  readonly #opened = new Promise<void>((resolve) => {
    this.open = resolve;
  });

  override async tcp(ask: (search: Search) => void): Promise<void> {
    await this.#opened;
    return super.tcp(ask);
  }
}

test("a client that has gone before it is looked at is refused, also when we are uid 0", async () => {
  await using target = await silentServer();
  const tables = new LateTables();
  await using on = await stage({ to: target, tables });
  await runClient({ address: "127.0.0.1", port: on.port, say: "gone", isHasty: true });
  await poll(() => on.accepted.length === 1, "the connection");
  tables.open();
  await within(on.traffic.idle(), "idle");
  assert.equal(target.connections, 0);
  assert.deepEqual(on.notes, [
    'forward "smtp": refused a connection: cannot tell which user made it: its process has closed it',
  ]);
});

/** The first of two sockets passes for the second: it has the same ends. */
function disguise(sockets: readonly Socket[]): void {
  const [first, second] = sockets;
  if (first === undefined || second === undefined) return;
  Object.defineProperty(second, "remotePort", { value: first.remotePort });
}

test("a connection whose ports have become another's is not carried as that one's", async () => {
  await using target = await echo();
  const tables = new LateTables();
  await using on = await stage({ to: target, tables, before: disguise });
  const old = connect({ port: on.port, host: "127.0.0.1" }).end("old");
  await poll(() => on.accepted.length === 1, "the connection");
  const next = connect({ port: on.port, host: "127.0.0.1" }).end("new");
  await poll(() => on.accepted.length === 2, "the connection after it");
  tables.open();
  const [first, second] = await Promise.all([received(old), received(next)]);
  assert.equal(first.bytes, 0);
  assert.equal(second.bytes, 3);
  assert.equal(target.connections, 1);
});

test("where the system has no table, connections are carried", async () => {
  await using target = await echo();
  await using on = await stage({ to: target, tables: new SocketTables({ platform: "freebsd" }) });
  assert.equal(await runClient({ address: "127.0.0.1", port: on.port, say: "x" }), "x");
});

test("at a Unix socket nothing is asked: the mode of its file has decided", async () => {
  await using target = await echo();
  const tables = new SocketTables({ proc: "/nowhere", platform: "linux" });
  const path = join(folder, "unix");
  await using on = await stage({ to: target, path, tables });
  assert.equal(await runClient({ address: path, say: "unix" }), "unix");
  assert.deepEqual(on.notes, []);
});
