import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { once } from "node:events";
import { connect } from "node:net";
import { join } from "node:path";
import { Duplex, PassThrough } from "node:stream";
import { after, before, test } from "node:test";
import type { Carry } from "../../../src/forwards/carry.ts";
import { listen, refusingPort, silentServer, speakingServer } from "../../peers/tcp.ts";
import { makeTemporary, removeTemporary } from "../../peers/temporary.ts";
import { poll, within } from "../../peers/waiting.ts";
import { runClient } from "./fixtures.ts";
import { echo, isGivenBack, received, stage } from "./stage.ts";
import { carryByTcp } from "./tcp_carrier.ts";

let folder = "";
before(() => {
  folder = makeTemporary();
});
after(() => removeTemporary(folder));

test("a client's whole input goes to the target, and the answer to its end comes back", async () => {
  await using target = await echo();
  await using on = await stage({ to: target });
  const said = "x".repeat(100_000);
  assert.equal(await runClient({ address: "127.0.0.1", port: on.port, say: said }), said);
  await within(on.traffic.idle(), "idle");
  assert.ok(isGivenBack(on));
  assert.deepEqual(on.notes, []);
});

test("much data both ways at once arrives whole", async () => {
  const bytes = randomBytes(8_000_000);
  const sum = (data: Buffer): string => createHash("sha256").update(data).digest("hex");
  let heard = "";
  await using target = await listen((socket) => {
    const chunks: Buffer[] = [];
    socket.on("data", (chunk) => chunks.push(chunk));
    socket.on("end", () => {
      heard = sum(Buffer.concat(chunks));
    });
    socket.end(bytes);
  });
  await using on = await stage({ to: target });
  const client = connect({ port: on.port, host: "127.0.0.1", allowHalfOpen: true });
  const chunks: Buffer[] = [];
  client.on("data", (chunk) => chunks.push(chunk)).end(bytes);
  await within(once(client, "close"), "the end of the connection");
  await target.idle();
  assert.equal(sum(Buffer.concat(chunks)), sum(bytes));
  assert.equal(heard, sum(bytes));
});

test("a client that says nothing hears a target that begins", async () => {
  await using target = await speakingServer("220 mail\r\n");
  await using on = await stage({ to: target });
  assert.equal(await runClient({ address: "127.0.0.1", port: on.port }), "220 mail\r\n");
});

test("a target that ends first can still be spoken to", async () => {
  let heard = "";
  await using target = await listen((socket) => {
    socket.end("220 and no more");
    socket.on("data", (chunk) => {
      heard += chunk;
    });
  });
  await using on = await stage({ to: target });
  const client = connect({ port: on.port, host: "127.0.0.1", allowHalfOpen: true });
  client.resume();
  await within(once(client, "end"), "the target's end");
  client.end("late words");
  await within(on.traffic.idle(), "idle");
  await target.idle();
  assert.equal(heard, "late words");
});

test("the server is told where a connection comes from", async () => {
  const origins: unknown[] = [];
  await using target = await echo();
  const carry: Carry = (to, origin) => {
    origins.push(origin);
    return carryByTcp(to, origin);
  };
  await using on = await stage({ to: target, carry });
  const client = connect({ port: on.port, host: "127.0.0.1" }).end("x");
  await once(client, "connect");
  const port = client.localPort;
  await received(client);
  const path = join(folder, "origin");
  await using unix = await stage({ to: target, path, carry });
  await runClient({ address: unix.port === 0 ? path : "", say: "x" });
  assert.deepEqual(origins, [
    { address: "127.0.0.1", port },
    { address: "127.0.0.1", port: 65535 },
  ]);
});

test("a target that cannot be had closes the client, and is told once and not for each try", async () => {
  let port = await refusingPort();
  let why = "";
  const carry: Carry = (_to, origin) =>
    why === "" ? carryByTcp({ host: "127.0.0.1", port }, origin) : Promise.reject(new Error(why));
  await using on = await stage({ to: { host: "mail", port: 25 }, carry });
  const knock = () => runClient({ address: "127.0.0.1", port: on.port });
  for (let i = 0; i < 3; i++) assert.equal(await knock(), "");
  assert.deepEqual(on.notes, [
    `forward "smtp": no connection to mail:25: connect ECONNREFUSED 127.0.0.1:${port}`,
  ]);
  why = "administratively prohibited";
  await knock();
  await knock();
  assert.equal(on.notes.length, 2);
  await using target = await speakingServer("220 mail\r\n");
  port = target.port;
  why = "";
  assert.equal(await knock(), "220 mail\r\n");
  why = "administratively prohibited";
  await knock();
  assert.equal(on.notes.length, 3);
  assert.ok(isGivenBack(on));
});

test("a client that resets takes its connection with it", async () => {
  await using target = await speakingServer("220 mail\r\n");
  await using on = await stage({ to: target });
  const client = connect({ port: on.port, host: "127.0.0.1" });
  await once(client, "data");
  client.resetAndDestroy();
  await within(on.traffic.idle(), "idle");
  await target.idle();
  assert.ok(isGivenBack(on));
  assert.deepEqual(on.notes, []);
});

test("a client that resets in the middle of much data takes its connection with it", async () => {
  await using target = await listen((socket) => {
    const pour = (): void => {
      while (socket.write(Buffer.alloc(65_536)));
    };
    socket.on("drain", pour);
    pour();
  });
  await using on = await stage({ to: target });
  const client = connect({ port: on.port, host: "127.0.0.1" });
  await once(client, "data");
  client.resetAndDestroy();
  await within(on.traffic.idle(), "idle");
  await target.idle();
  assert.ok(isGivenBack(on));
});

test("a target that resets resets the client: what it has is not the whole", async () => {
  await using target = await listen((socket) => {
    socket.write("half of");
    socket.once("data", () => socket.resetAndDestroy());
  });
  await using on = await stage({ to: target });
  const client = connect({ port: on.port, host: "127.0.0.1" });
  client.once("data", () => client.write("x"));
  const { bytes, error } = await received(client);
  assert.equal(bytes, 7);
  assert.equal(error, "ECONNRESET");
  await within(on.traffic.idle(), "idle");
  assert.ok(isGivenBack(on));
  assert.match(on.notes.join("\n"), /^forward "smtp": a connection to .* broke: read ECONNRESET$/);
});

test("what a target says before it closes altogether is delivered to a slow client", async () => {
  // More than the system holds for a reader that does not read.
  const size = 30_000_000;
  const carry: Carry = async () => closedAfter(Buffer.alloc(size));
  await using on = await stage({ to: { host: "mail", port: 25 }, carry });
  const client = connect({ port: on.port, host: "127.0.0.1", allowHalfOpen: true });
  client.pause();
  await poll(() => on.far[0]?.readableEnded, "the far side's end");
  const arriving = received(client);
  client.resume();
  assert.deepEqual(await arriving, { bytes: size, error: undefined });
  await within(on.traffic.idle(), "idle");
});

/** A stream that says all at once and is over for good, both ways, when that has been read: as ssh2's channels are. */
function closedAfter(bytes: Buffer): Duplex {
  const stream: Duplex = new Duplex({
    read: () => {},
    write: (_chunk, _encoding, done) => done(),
  });
  stream.push(bytes);
  stream.push(null);
  return stream.once("end", () => stream.emit("close"));
}

test("neither side is read faster than the other takes it", async () => {
  let sent = 0;
  const carry: Carry = async () =>
    new Duplex({
      read() {
        sent += 65_536;
        this.push(Buffer.alloc(65_536));
      },
      write: (_chunk, _encoding, _done) => {},
    });
  await using on = await stage({ to: { host: "mail", port: 25 }, carry });
  const client = connect({ port: on.port, host: "127.0.0.1" });
  client.pause();
  await once(client, "connect");
  let taken = 0;
  const pour = (): void => {
    while (taken < 64_000_000 && client.write(Buffer.alloc(65_536))) taken += 65_536;
  };
  client.on("drain", pour);
  pour();
  let looks = 0;
  let before = 0;
  const still = (): boolean => {
    looks = sent > 0 && before === sent + taken ? looks + 1 : 0;
    before = sent + taken;
    return looks === 10;
  };
  await poll(still, "the end of reading", () => `${sent} ${taken}`);
  assert.ok(sent < 16_000_000 && taken < 16_000_000, `${sent} ${taken}`);
  client.destroy();
});

test("a client that goes while its connection is opened leaves nothing behind", async () => {
  await using target = await silentServer();
  let open = (): void => {};
  const opening = new Promise<void>((resolve) => {
    open = resolve;
  });
  await using on = await stage({
    to: target,
    carry: (to, origin) => opening.then(() => carryByTcp(to, origin)),
  });
  const client = connect({ port: on.port, host: "127.0.0.1" });
  await poll(() => on.accepted.length === 1, "the connection");
  client.resetAndDestroy();
  open();
  await within(on.traffic.idle(), "idle");
  await target.idle();
  assert.ok(isGivenBack(on));
});

test("errors that come late have nobody to hurt", async () => {
  const far = new PassThrough();
  await using on = await stage({ to: { host: "mail", port: 25 }, carry: async () => far });
  const client = connect({ port: on.port, host: "127.0.0.1" });
  client.end("x");
  await received(client);
  await within(on.traffic.idle(), "idle");
  far.emit("error", new Error("late"));
  on.accepted[0]?.emit("error", new Error("late"));
});

test("closing ends what is open, and what was about to be", async () => {
  await using target = await silentServer();
  let open = (): void => {};
  const opening = new Promise<void>((resolve) => {
    open = resolve;
  });
  const carry: Carry = async (to, origin) => {
    if (on.accepted.length > 1) await opening;
    return carryByTcp(to, origin);
  };
  await using on = await stage({ to: target, carry });
  const first = connect({ port: on.port, host: "127.0.0.1" });
  await target.connected();
  const second = connect({ port: on.port, host: "127.0.0.1" });
  await poll(() => on.accepted.length === 2, "the second connection");
  assert.equal(on.traffic.connections, 2);
  on.traffic.close();
  open();
  await Promise.all([received(first), received(second)]);
  await within(on.traffic.idle(), "idle");
  await target.idle();
  assert.ok(isGivenBack(on));
});
