import assert from "node:assert/strict";
import { connect, type Socket } from "node:net";
import { after, before, test } from "node:test";
import fc from "fast-check";
import { hostKeyName } from "../../peers/keys.ts";
import { startProxy } from "../../peers/proxy.ts";
import { type Sshd, startSshd } from "../../peers/sshd.ts";
import { type Listener, listen } from "../../peers/tcp.ts";
import { within } from "../../peers/waiting.ts";
import { connectTo, targetFor } from "../../unit/ssh/fixtures.ts";
import { attempt, withoutStrays } from "./attempt.ts";
import { cases, mutation } from "./fuzz.ts";

/** All that an sshd has said in a whole session, from its version to its end. */
let recorded: Buffer;
let sshd: Sshd;
before(async () => {
  sshd = await startSshd();
  const pieces: Buffer[] = [];
  let down = 0;
  await using proxy = await startProxy({
    to: sshd,
    freezeWhen: (seen) => {
      if (seen.down > down) pieces.push(seen.piece);
      down = seen.down;
      return false;
    },
  });
  const values = { hostKeyName: hostKeyName(sshd.host, sshd.port) };
  const connection = await connectTo(targetFor({ ...sshd, port: proxy.port }, values));
  const command = await connection.exec("cat; exit 3", { signal: new AbortController().signal });
  command.stdout.resume();
  command.stderr.resume();
  command.stdin.end("hello");
  await command.ended;
  connection.end();
  await connection.closed;
  recorded = Buffer.concat(pieces);
  assert.match(recorded.toString("latin1"), /^SSH-2\.0-OpenSSH/);
});
after(() => sshd.stop());

/** A server that says these bytes, whatever it is told, in pieces; it ends then, or does not. */
function saying(bytes: Buffer, size: number, ends: boolean): Promise<Listener> {
  return listen((socket: Socket) => {
    socket.resume();
    for (let start = 0; start < bytes.length; start += size)
      socket.write(bytes.subarray(start, start + size));
    if (ends) socket.end();
  });
}

test("a recorded server that was changed anywhere is never let through, and never breaks anything", async () => {
  await withoutStrays(() =>
    fc.assert(
      fc.asyncProperty(
        mutation,
        fc.constantFrom(1, 7, 1000, 100_000),
        fc.boolean(),
        async (mutate, size, ends) => {
          const bytes = mutate(recorded);
          await using server = await saying(bytes, Math.max(size, Math.ceil(bytes.length / 300)), ends);
          const values = { hostKeyName: hostKeyName(sshd.host, sshd.port) };
          const failure = await attempt(targetFor({ ...sshd, port: server.port }, values), ends ? 2000 : 40);
          assert.equal(["network", "hostkey", "deadline"].includes(failure.trouble), true, String(failure));
        },
      ),
      cases(600),
    ),
  );
});

test("a server whose first bytes come one by one is as good as any", async () => {
  await using slow = await listen((client) => {
    const server = connect({ host: sshd.host, port: sshd.port, noDelay: true });
    client.pipe(server);
    let isFirst = true;
    server.on("data", (piece: Buffer) => {
      if (!isFirst) return void client.write(piece);
      isFirst = false;
      server.pause();
      const bytes = [...Buffer.concat([Buffer.from("a line before it\r\n"), piece])];
      const next = (): void => {
        const byte = bytes.shift();
        if (byte === undefined) return void server.resume();
        client.write(Buffer.from([byte]), () => setImmediate(next));
      };
      next();
    });
    for (const socket of [client, server]) socket.on("error", () => {}).on("close", () => server.destroy());
  });
  const values = { hostKeyName: hostKeyName(sshd.host, sshd.port) };
  const target = targetFor({ ...sshd, port: slow.port }, values);
  const connection = await within(connectTo(target), "the login");
  connection.end();
  await connection.closed;
});

test("a server whose first words are anything at all is told to be none", async () => {
  const words = fc.constantFrom(
    "SSH-",
    "2.0-",
    "1.99-",
    "x",
    "\r",
    "\n",
    "\r\n",
    " ",
    "\0",
    "\x1b[2J",
    "\xff",
    "-",
    "SSH-2.0-x\r\n",
  );
  const text = fc.oneof(
    fc.array(words, { maxLength: 40 }).map((all) => Buffer.from(all.join(""), "latin1")),
    fc.uint8Array({ maxLength: 300 }).map((all) => Buffer.from(all)),
  );
  await withoutStrays(() =>
    fc.assert(
      fc.asyncProperty(text, async (bytes) => {
        await using server = await saying(bytes, 100_000, true);
        await attempt(targetFor({ ...sshd, port: server.port }), 2000);
      }),
      cases(300),
    ),
  );
});
