import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { once } from "node:events";
import type { Duplex } from "node:stream";
import { after, before, test } from "node:test";
import { Failure } from "../../../../src/failure.ts";
import type { Connection } from "../../../../src/ssh/connection.ts";
import { startProxy } from "../../../peers/proxy.ts";
import { type Sshd, startSshd } from "../../../peers/sshd.ts";
import { type Listener, listen, refusingPort, resettingServer, speakingServer } from "../../../peers/tcp.ts";
import { within } from "../../../peers/waiting.ts";
import { largestFlight } from "../../../program/stream/flights.ts";
import { connectTo, never, targetFor } from "../fixtures.ts";

let sshd: Sshd;
let connection: Connection;
before(async () => {
  sshd = await startSshd();
  connection = await connectTo(targetFor(sshd));
});
after(async () => {
  connection.end();
  await sshd.stop();
});

const ORIGIN = { address: "127.0.0.1", port: 12345 };

const open = (port: number): Promise<Duplex> => connection.forward({ host: "127.0.0.1", port }, ORIGIN);

async function all(stream: Duplex): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  return Buffer.concat(chunks);
}

/** A server that gives back what it gets and, at the end, a last word. */
const echo = (): Promise<Listener> =>
  listen((socket) => {
    socket.on("data", (chunk) => {
      if (!socket.write(chunk)) socket.pause();
    });
    socket.on("drain", () => socket.resume());
    socket.on("end", () => socket.end("bye"));
  });

test("carries bytes both ways, and passes on the end of either side alone", async () => {
  await using server = await echo();
  const tunnel = await open(server.port);
  tunnel.end("hello ");
  assert.equal(String(await all(tunnel)), "hello bye");
  await server.idle();
});

test("a server that ends first still gets what is sent after it", async () => {
  let got = "";
  await using server = await listen((socket) => {
    socket.end("done");
    socket.on("data", (chunk) => {
      got += chunk;
    });
  });
  const tunnel = await open(server.port);
  const ended = once(tunnel, "end");
  const [first] = await once(tunnel, "data");
  assert.equal(String(first), "done");
  await within(ended, "the end of its output", () => "");
  tunnel.end("late");
  await server.idle();
  assert.equal(got, "late");
});

test("loses nothing of 32 MB each way, with a slow reader", async () => {
  await using server = await echo();
  const tunnel = await open(server.port);
  const block = randomBytes(1024 * 1024);
  const sent = createHash("sha256");
  const received = createHash("sha256");
  const reading = (async () => {
    for await (const chunk of tunnel) {
      received.update(chunk);
      await new Promise(setImmediate);
    }
  })();
  for (let count = 0; count < 32; count++) {
    sent.update(block);
    if (!tunnel.write(block)) await once(tunnel, "drain");
  }
  tunnel.end();
  await reading;
  assert.equal(received.digest("hex"), sent.update("bye").digest("hex"));
});

test("a tunnel that is destroyed closes the server's connection, and the others go on", async () => {
  await using server = await speakingServer("220 ready\r\n");
  const other = await open(server.port);
  const tunnel = await open(server.port);
  await server.connected(2);
  tunnel.destroy();
  await within(
    (async () => {
      while (server.open > 1) await new Promise(setImmediate);
    })(),
    "the end of the destroyed one",
    () => `${server.open} open`,
  );
  other.end();
  assert.equal(String(await all(other)), "220 ready\r\n");
});

test("a server that resets ends the tunnel without a crash", async () => {
  await using server = await resettingServer();
  const tunnel = await open(server.port);
  tunnel.on("error", () => {});
  const closed = once(tunnel, "close");
  tunnel.on("end", () => tunnel.end());
  tunnel.write("x");
  tunnel.resume();
  await within(closed, "the end of the tunnel", () => "");
});

test("a dead target is told with the server's reason, and costs nothing else", async () => {
  const port = await refusingPort();
  await assert.rejects(open(port), (error: unknown) => {
    assert.ok(error instanceof Failure);
    assert.match(
      error.what,
      new RegExp(`^the server cannot connect to 127\\.0\\.0\\.1:${port}: ".*refused`, "i"),
    );
    return true;
  });
  const command = await connection.exec("echo still here", { signal: never() });
  command.stderr.resume();
  command.stdout.resume();
  assert.deepEqual(await command.ended, { kind: "status", status: 0 });
});

test("a server that allows no forwarding is told as such", async () => {
  await using closed = await startSshd({ config: ["AllowTcpForwarding no"] });
  const strict = await connectTo(targetFor(closed));
  await assert.rejects(
    strict.forward({ host: "127.0.0.1", port: 1 }, ORIGIN),
    /the server does not allow forwarding/,
  );
  strict.end();
});

test("a server far away sends 6 MiB ahead of whoever reads a tunnel", async () => {
  const block = Buffer.alloc(1024 * 1024);
  await using server = await listen((socket) => {
    const more = () => {
      while (socket.write(block));
    };
    socket.on("drain", more).once("data", more);
  });
  await using proxy = await startProxy({ to: sshd });
  const far = await connectTo(
    targetFor({ ...sshd, port: proxy.port }, { hostKeyName: `[127.0.0.1]:${sshd.port}` }),
  );
  const tunnel = await far.forward({ host: "127.0.0.1", port: server.port }, ORIGIN);
  tunnel.resume();
  proxy.freeze();
  tunnel.write("go");
  const flight = await largestFlight(proxy, 6 * block.length);
  assert.equal(flight >= 6 * block.length, true, `${flight} bytes`);
  tunnel.destroy();
  far.end();
});

test("a lost connection ends its tunnels with an error", async () => {
  await using server = await speakingServer("220 ready\r\n");
  await using proxy = await startProxy({ to: sshd });
  const lost = await connectTo(
    targetFor({ ...sshd, port: proxy.port }, { hostKeyName: `[127.0.0.1]:${sshd.port}` }),
  );
  const tunnel = await lost.forward({ host: "127.0.0.1", port: server.port }, ORIGIN);
  tunnel.resume();
  const failed = once(tunnel, "error");
  proxy.cut();
  const [error] = await within(failed, "the error", () => "");
  assert.match(String(error), /connection lost/);
  await assert.rejects(lost.forward({ host: "127.0.0.1", port: server.port }, ORIGIN), /connection lost/);
});
