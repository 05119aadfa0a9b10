import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtempSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { after, before, test } from "node:test";
import type { LookUp } from "../../../src/forwards/carry.ts";
import { type Held, type HoldOptions, holdForwards } from "../../../src/forwards/hold.ts";
import { listenerOf } from "../../../src/forwards/owner.ts";
import { SocketTables } from "../../../src/forwards/socket_tables.ts";
import type { CarriedForward } from "../../../src/table/decision.ts";
import { silentServer, speakingServer } from "../../peers/tcp.ts";
import { makeTemporary, removeTemporary } from "../../peers/temporary.ts";
import { poll, within } from "../../peers/waiting.ts";
import {
  forwardOf,
  freePort,
  noSessions,
  OWN,
  runClient,
  STRANGER,
  sessionForward,
  startListener,
  withoutRoot,
  withoutSix,
} from "./fixtures.ts";
import { carryByTcp } from "./tcp_carrier.ts";

let folder = "";
before(() => {
  folder = makeTemporary();
});
after(() => removeTemporary(folder));

const mail = { host: "mail", port: 25 };

interface Brought extends AsyncDisposable {
  readonly held: Held;
  readonly notes: readonly string[];
}

async function bring(plan: readonly CarriedForward[], options: Partial<HoldOptions> = {}): Promise<Brought> {
  const notes: string[] = [];
  const held = await holdForwards(plan, {
    carry: carryByTcp,
    open: noSessions,
    lookUp: async () => [{ address: "127.0.0.1" }],
    uid: OWN,
    names: ["mail.isp.com", "mail"],
    note: (line) => notes.push(line),
    signal: new AbortController().signal,
    ...options,
  });
  return {
    held,
    notes,
    [Symbol.asyncDispose]: async () => {
      held.close();
      await within(held.idle(), "idle");
    },
  };
}

/** The line for one forward that is brought up. */
async function told(forward: CarriedForward, options: Partial<HoldOptions> = {}): Promise<string> {
  await using brought = await bring([forward], options);
  return brought.notes.join("\n");
}

test("a forward that is held says so, and carries", { skip: withoutSix }, async () => {
  await using target = await speakingServer("220 mail\r\n");
  const listen = await freePort();
  await using brought = await bring([forwardOf({ listen, to: { host: "127.0.0.1", port: target.port } })]);
  assert.deepEqual(brought.notes, [
    `forward "smtp": carries port ${listen} of 127.0.0.1 and ::1 to 127.0.0.1:${target.port}`,
  ]);
  assert.equal(await runClient({ address: "::1", port: listen }), "220 mail\r\n");
});

test("a target on another machine than the server comes with a note", async () => {
  const listen = await freePort();
  assert.match(
    await told(forwardOf({ listen, to: { host: "news", port: 119 } })),
    /\nforward "smtp": SSH does not protect the way from mail.isp.com to news:119$/,
  );
});

test("a Unix socket says so, and what is wrong with its directory", async () => {
  const listen = join(mkdtempSync(join(folder, "d-")), "smtp");
  assert.equal(
    await told(forwardOf({ listen, to: mail })),
    `forward "smtp": carries socket "${listen}" to mail:25`,
  );
});

test("a forward for every user says so", async () => {
  const listen = await freePort();
  assert.match(
    await told(forwardOf({ listen, to: mail, allow: "any-user" })),
    /; open to every user of this machine$/,
  );
});

test("a system that does not tell whose a connection is says that the check is missing", async () => {
  const listen = await freePort();
  const tables = new SocketTables({ platform: "openbsd" });
  assert.match(
    await told(forwardOf({ listen, to: mail }), { tables }),
    /; this system does not tell which user made a connection: every user of this machine can use it$/,
  );
});

for (const [where, tables] of [
  ["another system", new SocketTables({ platform: "openbsd" })],
  ["a Linux without /proc", new SocketTables({ platform: "linux", proc: "/nowhere" })],
] as const) {
  test(`on ${where}, where nobody tells whose a connection is, a METHOD is served on no port`, async () => {
    const listen = await freePort();
    const hint =
      'listen at the path of a Unix socket, or let every user of this machine in: allow = "any-user"';
    assert.equal(
      await told(sessionForward({ listen }), { tables }),
      `forward "inbox": port ${listen} is not served: this system does not tell which user made a connection\nforward "inbox": hint: ${hint}`,
    );
    assert.match(await runClient({ address: "127.0.0.1", port: listen }), /^connect: 111/);
    const open = sessionForward({ listen, allow: "any-user" });
    assert.match(await told(open, { tables }), /to METHOD imap; open to every user of this machine$/);
    const path = join(mkdtempSync(join(folder, "d-")), "inbox");
    assert.match(
      await told(sessionForward({ listen: path }), { tables }),
      /: carries socket .* to METHOD imap$/,
    );
  });
}

test("what holds a forward back is told, and its port stays free", async () => {
  const listen = await freePort();
  const resolvConf = join(mkdtempSync(join(folder, "e-")), "resolv.conf");
  writeFileSync(resolvConf, "search lan.home.net\n");
  const forward = forwardOf({ listen, to: mail, unless: { domain: ["home.net"] } });
  assert.equal(
    await told(forward, { resolvConf }),
    `forward "smtp": not opened: at home in "home.net": ${resolvConf} says "lan.home.net"`,
  );
});

test("another program of the same user is left in its place", async () => {
  await using other = await startListener();
  assert.equal(
    await told(forwardOf({ listen: other.port, to: mail })),
    `forward "smtp": port ${other.port} is in use by perl (pid ${other.pid}) of the same user (uid ${OWN}), and is left to that program`,
  );
});

test("another preauth is left in its place", async () => {
  await using other = await startListener({ called: "preauth" });
  assert.equal(
    await told(forwardOf({ listen: other.port, to: mail })),
    `forward "smtp": port ${other.port} is held by preauth (pid ${other.pid}) already`,
  );
});

test("another user is never trusted", { skip: withoutRoot }, async () => {
  await using other = await startListener({ uid: STRANGER });
  assert.equal(
    await told(forwardOf({ listen: other.port, to: mail })),
    [
      `forward "smtp": port ${other.port} is in use by uid 12345: perl (pid ${other.pid}), another user, who could read your mail`,
      'forward "smtp": hint: choose another place, in the table and in the mail client',
    ].join("\n"),
  );
});

test("a port that another user has by half is told as that", {
  skip: withoutRoot || withoutSix,
}, async () => {
  await using other = await startListener({ host: "::1", uid: STRANGER });
  const lines = (await told(forwardOf({ listen: other.port, to: mail }))).split("\n");
  assert.match(lines[0] ?? "", / of 127\.0\.0\.1 only to mail:25: ::1 is in use by uid 12345: /);
  assert.equal(lines[1], 'forward "smtp": hint: write 127.0.0.1 instead of localhost in the mail client');
});

test("a path that cannot be had is told", async () => {
  const letter = join(folder, "letter");
  writeFileSync(letter, "");
  assert.equal(
    await told(forwardOf({ listen: letter, to: mail })),
    `forward "smtp": "${letter}" is not a socket, and is left alone`,
  );
  assert.equal(
    await told(forwardOf({ listen: "/nowhere/smtp", to: mail })),
    'forward "smtp": cannot listen on socket "/nowhere/smtp": its directory does not exist',
  );
});

test("a forward that fails is its own end only", async () => {
  await using target = await speakingServer("220 mail\r\n");
  const listen = await freePort();
  const to = { host: "127.0.0.1", port: target.port };
  await using brought = await bring([
    forwardOf({ name: "bad", listen: "/nowhere/smtp", to }),
    forwardOf({ name: "good", listen, to }),
  ]);
  assert.deepEqual(
    brought.held.standings.map(({ forward, state }) => [forward.name, state.kind]),
    [
      ["bad", "failed"],
      ["good", "held"],
    ],
  );
  assert.equal(await runClient({ address: "127.0.0.1", port: listen }), "220 mail\r\n");
});

test("open connections are counted, and waited for", async () => {
  await using target = await silentServer();
  const listen = await freePort();
  await using brought = await bring([forwardOf({ listen, to: { host: "127.0.0.1", port: target.port } })]);
  const { held } = brought;
  await held.idle();
  const client = connect(listen, "127.0.0.1");
  await target.connected();
  assert.equal(held.connections, 1);
  let isIdle = false;
  const idle = held.idle().then(() => {
    isIdle = true;
  });
  held.stopListening();
  held.stopListening();
  assert.equal(isIdle, false);
  client.end();
  await within(idle, "idle");
  assert.equal(held.connections, 0);
});

test("closing ends listening and connections", async () => {
  await using target = await silentServer();
  const listen = await freePort();
  await using brought = await bring([forwardOf({ listen, to: { host: "127.0.0.1", port: target.port } })]);
  const client = connect(listen, "127.0.0.1");
  client.on("error", () => {});
  await target.connected();
  brought.held.close();
  await within(once(client, "close"), "the end of the connection");
  await target.idle();
  assert.match(await runClient({ address: "127.0.0.1", port: listen }), /^connect: 111/);
});

test("a port that becomes free is taken over, when that is asked for", async () => {
  const other = await startListener({ called: "preauth" });
  await using brought = await bring([forwardOf({ listen: other.port, to: mail })], { retry: 20 });
  assert.equal(brought.held.standings[0]?.state.kind, "taken");
  await other[Symbol.asyncDispose]();
  await poll(() => brought.held.standings[0]?.state.kind === "held", "the port");
  assert.match(brought.notes[1] ?? "", /^forward "smtp": carries port /);
});

test("a Unix socket that becomes free is taken over, and its holder is not bothered before", async () => {
  const listen = join(mkdtempSync(join(folder, "d-")), "smtp");
  await using target = await silentServer();
  const to = { host: "127.0.0.1", port: target.port };
  await using first = await bring([forwardOf({ listen, to })]);
  const other = await startListener();
  const plan = [forwardOf({ listen, to }), forwardOf({ name: "port", listen: other.port, to })];
  await using second = await bring(plan, { retry: 20 });
  const kinds = () => second.held.standings.map(({ state }) => state.kind).join(" ");
  await within(first.held.idle(), "the end of the first look");
  const knocks = target.connections;
  await other[Symbol.asyncDispose]();
  // The port shows that it was tried again.
  await poll(() => kinds() === "taken held", "the port", kinds);
  assert.equal(target.connections, knocks);
  first.held.close();
  await poll(() => kinds() === "held held", "the socket", kinds);
});

test("giving up leaves nothing held", async () => {
  const listen = await freePort();
  const enough = new AbortController();
  const lookUp: LookUp = () => new Promise(() => {});
  const plan = [
    forwardOf({ name: "quick", listen, to: mail }),
    forwardOf({ name: "slow", listen: await freePort(), to: mail, unless: { reachable: mail } }),
  ];
  const notes: string[] = [];
  const bringing = bring(plan, { lookUp, signal: enough.signal, note: (line) => notes.push(line) });
  await poll(() => notes.length > 0, "the quick one");
  enough.abort(new Error("enough"));
  await assert.rejects(bringing, /enough/);
  assert.match(await runClient({ address: "127.0.0.1", port: listen }), /^connect: 111/);
  await assert.rejects(bring(plan, { signal: enough.signal }), /enough/);
});

test("giving up at whatever moment leaves nothing held", async () => {
  const listen = await freePort();
  const tables = new SocketTables();
  for (let turns = 0; turns < 40; turns++) {
    const enough = new AbortController();
    const bringing = bring([forwardOf({ listen, to: mail })], { signal: enough.signal });
    const settled = bringing.then(
      (brought) => brought[Symbol.asyncDispose](),
      (error) => assert.match(String(error), /enough/),
    );
    for (let turn = 0; turn < turns; turn++) await Promise.resolve();
    enough.abort(new Error("enough"));
    await settled;
    const isFree = async () => (await listenerOf(tables, "127.0.0.1", listen)) === undefined;
    await poll(isFree, `the end of listening after ${turns} turns`, () => "", 2000);
  }
});
