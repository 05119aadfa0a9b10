import assert from "node:assert/strict";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { lookUp, parseHosts } from "../../../../src/ssh/network/addresses.ts";
import { dial } from "../../../../src/ssh/network/dial.ts";
import { gone } from "../../../peers/processes.ts";
import { listen, refusingPort, resettingServer, silentServer } from "../../../peers/tcp.ts";
import { makeTemporary, removeTemporary } from "../../../peers/temporary.ts";
import { startUnanswering } from "../../../peers/unanswering.ts";
import { poll, within } from "../../../peers/waiting.ts";
import { connectTo, never, newStory, targetFor } from "../fixtures.ts";

function target(host: string, port: number, values: Parameters<typeof targetFor>[1] = {}) {
  return targetFor({ host, port, user: "x", identity: "/x", knownHosts: "/x" }, values);
}

const any = { family: "any", subject: "mail.test", signal: never() } as const;

test("an address is its own address, IPv6 with or without a zone", async () => {
  assert.deepEqual(await lookUp("192.0.2.1", any), [{ address: "192.0.2.1", family: 4 }]);
  assert.deepEqual(await lookUp("::1", any), [{ address: "::1", family: 6 }]);
  assert.deepEqual(await lookUp("fe80::1%lo", any), [{ address: "fe80::1%lo", family: 6 }]);
});

test("a name of /etc/hosts is found", async () => {
  const found = await lookUp("localhost", any);
  assert.ok(found.some(({ address }) => address === "127.0.0.1"));
});

test("a name that does not exist is told in words", async () => {
  for (const name of ["nowhere.invalid", `${"a".repeat(70)}.test`]) {
    await assert.rejects(lookUp(name, any), { trouble: "network", what: `cannot find the name "${name}"` });
  }
});

test("AddressFamily leaves addresses out", async () => {
  const found = await lookUp("localhost", { ...any, family: "inet" });
  assert.ok(found.every(({ family }) => family === 4) && found.length > 0);
  await assert.rejects(lookUp("127.0.0.1", { ...any, family: "inet6" }), /AddressFamily inet6/);
});

test("a look-up is given up with the signal", async () => {
  await assert.rejects(
    lookUp("localhost", { ...any, signal: AbortSignal.abort(new Error("enough")) }),
    /enough/,
  );
  const controller = new AbortController();
  const asked = lookUp("localhost", { ...any, signal: controller.signal });
  controller.abort(new Error("enough"));
  await assert.rejects(asked, /enough/);
});

test("the two families take turns", async () => {
  const text = ["10.0.0.1", "10.0.0.2", "fd00::1", "fd00::2", "10.0.0.3"];
  const lines = text.flatMap((address) => [
    `${address}  STREAM work`,
    `${address}  DGRAM`,
    `${address}  RAW`,
  ]);
  assert.deepEqual(
    parseHosts(lines.join("\n")).map(({ address }) => address),
    text,
  );
  assert.deepEqual(parseHosts("::ffff:10.0.0.1 STREAM x\n\njunk STREAM\n"), []);
});

test("the socket that connects has neither delay nor leftovers", async () => {
  await using peer = await silentServer();
  const story = newStory();
  const socket = await dial(target(peer.host, peer.port), { signal: never(), progress: story.progress });
  assert.deepEqual(story.steps, [
    ["name", "127.0.0.1"],
    ["connect", `127.0.0.1 port ${peer.port}`],
  ]);
  await peer.connected();
  socket.destroy();
  await peer.idle();
});

test("localhost connects where only one of its addresses listens", async () => {
  await using peer = await silentServer();
  const socket = await dial(target("localhost", peer.port), {
    signal: never(),
    progress: newStory().progress,
  });
  assert.equal(socket.remoteAddress, "127.0.0.1");
  socket.destroy();
});

test("an IPv6 address is dialled without brackets", async () => {
  await using peer = await listen(() => {}, { host: "::1" });
  const socket = await dial(target("::1", peer.port), { signal: never(), progress: newStory().progress });
  assert.equal(socket.remoteAddress, "::1");
  socket.destroy();
});

test("a refused connection says who refused it", async () => {
  const port = await refusingPort();
  await assert.rejects(dial(target("127.0.0.1", port), { signal: never(), progress: newStory().progress }), {
    trouble: "network",
    subject: "mail.test",
    what: `connection refused (127.0.0.1 port ${port})`,
    hints: ["see whether sshd runs on the server and on this port, and whether this machine is online"],
  });
});

test("an address that does not answer is left for the next one", async () => {
  await using dead = await startUnanswering();
  await using alive = await silentServer({ host: "127.0.0.2", port: dead.port });
  const { Race } = await import("../../../../src/ssh/network/dial.ts");
  const addresses = [dead.host, alive.host].map(
    (address) => ({ address, family: 4, from: undefined }) as const,
  );
  const socket = await within(new Race(addresses, dead.port, never()).run(), "a connection", undefined, 5000);
  assert.equal(socket?.remoteAddress, "127.0.0.2");
  socket?.destroy();
});

test("an address that refuses is left at once, and all failures are told", async () => {
  const port = await refusingPort();
  const { Race } = await import("../../../../src/ssh/network/dial.ts");
  const addresses = ["127.0.0.1", "127.0.0.3"].map(
    (address) => ({ address, family: 4, from: undefined }) as const,
  );
  const race = new Race(addresses, port, never());
  assert.equal(await race.run(), undefined);
  assert.equal((await race.failure("x")).what, `connection refused (127.0.0.1, 127.0.0.3 port ${port})`);
});

test("a connection that is reset at once is a network failure", async () => {
  await using peer = await resettingServer();
  await assert.rejects(connectTo(target(peer.host, peer.port)), {
    trouble: "network",
    what: /^connection reset|^the server closed the connection/,
  });
});

test("a server that speaks something else is quoted", async () => {
  await using peer = await listen((socket) => void socket.end("HTTP/1.1 400 Bad Request\r\nX: y\r\n\r\n"));
  await assert.rejects(connectTo(target(peer.host, peer.port)), {
    trouble: "network",
    what: 'the server closed the connection (before it sent its SSH version): it said "HTTP/1.1 400 Bad Request"',
  });
});

test("a look-up that hangs is killed with the signal, so that nothing waits for it", async (context) => {
  if ("Bun" in globalThis) return context.skip("Bun's exit does not wait for one");
  const folder = makeTemporary();
  const path = process.env.PATH;
  try {
    const pidFile = join(folder, "pid");
    const script = `#!/bin/sh\necho $$ > ${pidFile}.new; mv ${pidFile}.new ${pidFile}; exec sleep 1000\n`;
    writeFileSync(join(folder, "getent"), script, { mode: 0o755 });
    process.env.PATH = `${folder}:${path}`;
    const controller = new AbortController();
    const asked = lookUp("mail.test", { ...any, signal: controller.signal });
    asked.catch(() => {});
    await poll(() => existsSync(pidFile), "its start");
    controller.abort(new Error("enough"));
    await assert.rejects(within(asked, "the end", undefined, 1000), /enough/);
    await gone(Number(readFileSync(pidFile, "utf8")), 1000);
  } finally {
    process.env.PATH = path;
    removeTemporary(folder);
  }
});
