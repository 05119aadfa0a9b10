import { once } from "node:events";
import { rmSync } from "node:fs";
import { createServer, type Socket } from "node:net";
import { join } from "node:path";
import fc from "fast-check";
import { Agent, AgentError } from "../../src/ssh/login/agent.ts";
import { makeTemporary, removeTemporary } from "../peers/temporary.ts";
import { wireString } from "../program/hostile/servant.ts";
import { attack, inTime, strict } from "./attack.ts";

function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value >>> 0);
  return bytes;
}

const text = fc.constantFrom(
  "",
  "k",
  "ssh-ed25519",
  "ssh-rsa",
  "rsa-sha2-512",
  "ecdsa-sha2-nistp256",
  "\x1b[2J",
);
const blob = fc.oneof(
  fc.uint8Array({ maxLength: 80 }).map((bytes) => Buffer.from(bytes)),
  fc
    .tuple(text, fc.uint8Array({ maxLength: 40 }))
    .map(([type, bytes]) => Buffer.concat([wireString(type), wireString(Buffer.from(bytes))])),
);
const count = fc.constantFrom(0, 1, 2, 3, 0x7fffffff, 0xffffffff);

/** IDENTITIES_ANSWER, SIGN_RESPONSE, a failure, or anything (RFC 9987 section 5). */
const body: fc.Arbitrary<Buffer> = fc.oneof(
  fc
    .tuple(count, fc.array(fc.tuple(blob, text), { maxLength: 4 }))
    .map(([said, keys]) =>
      Buffer.concat([
        Buffer.from([12]),
        u32(said),
        ...keys.flatMap(([key, comment]) => [wireString(key), wireString(comment)]),
      ]),
    ),
  fc
    .array(fc.tuple(blob, text), { maxLength: 4 })
    .map((keys) =>
      Buffer.concat([
        Buffer.from([12]),
        u32(keys.length),
        ...keys.flatMap(([key, comment]) => [wireString(key), wireString(comment)]),
      ]),
    ),
  fc
    .tuple(text, blob)
    .map(([type, bytes]) =>
      Buffer.concat([Buffer.from([14]), wireString(Buffer.concat([wireString(type), wireString(bytes)]))]),
    ),
  fc.constantFrom(5, 6, 28, 30, 102).map((code) => Buffer.from([code])),
  fc.uint8Array({ maxLength: 60 }).map((bytes) => Buffer.from(bytes)),
);

/** Whole, or with another length than it has. */
const answer = fc.oneof(
  { weight: 4, arbitrary: body.map(wireString) },
  {
    weight: 1,
    arbitrary: fc.tuple(count, body).map(([length, bytes]) => Buffer.concat([u32(length), bytes])),
  },
);

const sequences = fc.record({
  answers: fc.array(answer, { maxLength: 5 }),
  /** Bytes that are written at once. */
  size: fc.constantFrom(1, 4, 5, 100_000),
  ends: fc.boolean(),
});

async function hold({
  answers,
  size,
  ends,
}: {
  answers: Buffer[];
  size: number;
  ends: boolean;
}): Promise<void> {
  const folder = makeTemporary();
  const path = join(folder, "agent");
  const sockets: Socket[] = [];
  const server = createServer((socket) => {
    sockets.push(socket);
    socket.on("error", () => {});
    const left = [...answers];
    socket.on("data", () => {
      const next = left.shift();
      for (let at = 0; next !== undefined && at < next.length; at += size)
        socket.write(next.subarray(at, at + size));
      if (left.length === 0 && ends) socket.end();
      else if (next === undefined) socket.destroy();
    });
  });
  server.listen(path);
  await once(server, "listening");
  const agent = new Agent({ path, variable: undefined });
  const ask = async (): Promise<void> => {
    for (const { blob: key, type, comment } of await agent.list()) {
      if (typeof type !== "string" || typeof comment !== "string") throw new Error("a key without a type");
      await agent.sign(key, Buffer.from("data"), type);
    }
  };
  try {
    // Whoever waits for an agent that says too little gives up by itself, at the deadline.
    const late = new Promise<void>((resolve) => setTimeout(resolve, 100));
    await strict(() => Promise.race([ask().catch(expected), late]));
  } finally {
    agent.close();
    for (const socket of sockets) socket.destroy();
    await inTime(new Promise((resolve) => server.close(resolve)), "the end of the agent", 2000);
    rmSync(path, { force: true });
    removeTemporary(folder);
  }
}

function expected(error: unknown): void {
  if (!(error instanceof AgentError)) throw error;
}

export const agentAttack = attack("answers of an agent", 120, sequences, hold);
