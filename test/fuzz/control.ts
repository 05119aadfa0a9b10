import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";
import { join } from "node:path";
import fc from "fast-check";
import { dataFrame, endFrame, messageFrame } from "../../src/control/frames.ts";
import { Peer } from "../../src/control/masters_end.ts";
import { makeTemporary, removeTemporary } from "../peers/temporary.ts";
import { attack, inTime, strict } from "./attack.ts";

const value = fc.oneof(
  fc.jsonValue(),
  fc.constantFrom<unknown>(-1, 0, 1.5, 1e308, "", "x".repeat(2000), null, [], {}, true, "\x1b[2J\r\n"),
);

/** Requests and answers, some of whose values are others. */
const request = fc
  .record(
    {
      type: fc.oneof(
        {
          weight: 5,
          arbitrary: fc.constantFrom("status", "stop", "session", "forward", "login", "answer", "here"),
        },
        { weight: 1, arbitrary: fc.string() },
      ),
      server: value,
      now: value,
      decision: value,
      env: value,
      home: value,
      elapsed: value,
      time: value,
      text: value,
    },
    { requiredKeys: ["type"] },
  )
  .map((message) => Buffer.from(messageFrame(message)));

/** A header that promises what does not come, or is none (frames.ts). */
const header = fc
  .tuple(fc.nat(255), fc.constantFrom(0, 1, 5, 0xffff, 0x100000, 0x100001, 0xffffffff))
  .map(([kind, length]) => {
    const bytes = Buffer.alloc(5, kind);
    bytes.writeUInt32BE(length, 1);
    return bytes;
  });

const frame = fc.oneof(
  { weight: 4, arbitrary: request },
  {
    weight: 2,
    arbitrary: fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(dataFrame(Buffer.from(bytes)))),
  },
  { weight: 1, arbitrary: fc.constant(Buffer.from(endFrame())) },
  { weight: 1, arbitrary: header },
  { weight: 1, arbitrary: fc.uint8Array({ maxLength: 50 }).map((bytes) => Buffer.from(bytes)) },
);

const sequences = fc.record({
  frames: fc.array(frame, { maxLength: 8 }),
  size: fc.constantFrom(1, 3, 1000, 1_000_000),
});

async function pair(folder: string): Promise<readonly [master: Socket, caller: Socket, close: () => void]> {
  const server = createServer();
  server.listen(join(folder, "control"));
  await once(server, "listening");
  const accepted = once(server, "connection");
  const caller = connect(join(folder, "control"));
  const [socket] = (await accepted) as [Socket];
  return [socket, caller, () => server.close()];
}

async function hold({ frames, size }: { frames: Buffer[]; size: number }): Promise<void> {
  const folder = makeTemporary();
  const [master, caller, close] = await pair(folder);
  try {
    await strict(async () => {
      let requests = 0;
      const over = new Promise((resolve) => master.once("close", resolve));
      const peer = new Peer(master, () => {
        requests++;
        peer.listen({ data: () => {}, end: () => {}, answer: () => {} });
      });
      caller.on("error", () => {});
      caller.resume();
      const bytes = Buffer.concat(frames);
      for (let at = 0; at < bytes.length; at += size) caller.write(bytes.subarray(at, at + size));
      caller.end();
      await inTime(Promise.race([over, once(peer.gone, "abort")]), "the end of a caller", 3000);
      if (requests > 1) throw new Error(`${requests} requests of one caller`);
    });
  } finally {
    caller.destroy();
    master.destroy();
    close();
    removeTemporary(folder);
  }
}

export const controlAttack = attack("frames on the control socket", 200, sequences, hold);
