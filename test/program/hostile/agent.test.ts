import assert from "node:assert/strict";
import { once } from "node:events";
import { rmSync } from "node:fs";
import { createServer, type Socket } from "node:net";
import { join } from "node:path";
import { after, before, test } from "node:test";
import fc from "fast-check";
import { Agent, AgentError } from "../../../src/ssh/login/agent.ts";
import { describeForms } from "../../peers/binaries.ts";
import { startCall } from "../../peers/call.ts";
import { makeHome, tableFor } from "../../peers/home.ts";
import { type Sshd, startSshd } from "../../peers/sshd.ts";
import { makeTemporary, removeTemporary } from "../../peers/temporary.ts";
import { within } from "../../peers/waiting.ts";
import { targetFor } from "../../unit/ssh/fixtures.ts";
import { GREETING, MAIL, refusal, saying, since } from "../calls/client.ts";
import { attempt, withoutStrays } from "./attempt.ts";
import { cases, mutation, RAW } from "./fuzz.ts";
import { watchMemory } from "./memory.ts";
import { wireString } from "./servant.ts";

const folder = makeTemporary();
let sshd: Sshd;
before(async () => {
  sshd = await startSshd();
});
after(async () => {
  await sshd.stop();
  removeTemporary(folder);
});

let count = 0;

/** An agent that does as it likes with each connection. */
async function agentThat(
  serve: (socket: Socket) => void,
): Promise<AsyncDisposable & { readonly path: string }> {
  const path = join(folder, `agent.${++count}`);
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => {});
    serve(socket);
  });
  server.listen(path);
  await once(server, "listening");
  return {
    path,
    [Symbol.asyncDispose]: async () => {
      for (const socket of sockets) socket.destroy();
      server.close();
      rmSync(path, { force: true });
    },
  };
}

function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

/** SSH_AGENT_IDENTITIES_ANSWER (draft-miller-ssh-agent) with keys that are none, each with a comment. */
function keysAnswer(blobs: readonly Buffer[], comment = "k"): Buffer {
  const keys = blobs.flatMap((blob) => [wireString(blob), wireString(comment)]);
  return wireString(Buffer.concat([Buffer.from([12]), u32(blobs.length), ...keys]));
}

/** An ed25519 key of anything but the user's. */
function strangeKey(byte: number): Buffer {
  return Buffer.concat([wireString("ssh-ed25519"), wireString(Buffer.alloc(32, byte))]);
}

const PLAIN = Buffer.concat([
  keysAnswer([
    strangeKey(1),
    strangeKey(2),
    Buffer.concat([wireString("ssh-rsa"), wireString("\x01"), wireString("\x00\xff")]),
  ]),
  wireString(
    Buffer.concat([
      Buffer.from([14]),
      wireString(Buffer.concat([wireString("ssh-ed25519"), wireString("x")])),
    ]),
  ),
]);

test("whatever an agent answers, it is a list, a signature, or a reason", async () => {
  const answer = fc.oneof(
    mutation.map((mutate) => mutate(PLAIN)),
    fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes)),
  );
  await withoutStrays(() =>
    fc.assert(
      fc.asyncProperty(answer, fc.constantFrom(1, 5, 100_000), async (bytes, size) => {
        await using hostile = await agentThat((socket) => {
          socket.once("data", () => {
            for (let at = 0; at < bytes.length; at += size) socket.write(bytes.subarray(at, at + size));
            socket.end();
          });
        });
        const agent = new Agent({ path: hostile.path, variable: undefined });
        const asked = async (): Promise<void> => {
          for (const { blob, type, comment } of await agent.list()) {
            assert.equal(`${typeof type} ${typeof comment}`, "string string");
            await agent.sign(blob, Buffer.from("data"), type);
          }
        };
        try {
          await within(asked(), "an agent's answer", undefined, 2000);
        } catch (error) {
          if (!(error instanceof AgentError)) throw error;
        } finally {
          agent.close();
        }
      }),
      cases(400),
    ),
  );
});

test("keys that are none, and signatures that are none, only keep the user out", async () => {
  const blob = fc.oneof(
    mutation.map((mutate) => mutate(strangeKey(3))),
    fc.uint8Array({ maxLength: 60 }).map((bytes) => Buffer.from(bytes)),
    fc
      .constantFrom(
        "ssh-ed25519",
        "ssh-rsa",
        "ecdsa-sha2-nistp256",
        "ecdsa-sha2-nistp521",
        "sk-ssh-ed25519@openssh.com",
        "x\x1b[2J",
      )
      .chain((type) =>
        fc
          .array(fc.uint8Array({ maxLength: 70 }))
          .map((parts) =>
            Buffer.concat([wireString(type), ...parts.map((one) => wireString(Buffer.from(one)))]),
          ),
      ),
  );
  await withoutStrays(() =>
    fc.assert(
      fc.asyncProperty(
        fc.array(blob, { maxLength: 4 }),
        fc.uint8Array({ maxLength: 80 }),
        async (blobs, signature) => {
          await using hostile = await agentThat((socket) => {
            socket.on("data", (request: Buffer) => {
              const isList = request[4] === 11;
              socket.write(
                isList
                  ? keysAnswer(blobs, "\x1b[2J\r\n")
                  : wireString(Buffer.concat([Buffer.from([14]), signature])),
              );
            });
          });
          const values = { agent: hostile.path, identityFiles: [] };
          const failure = await attempt(targetFor(sshd, values), 5000);
          assert.equal(failure.trouble, "auth", failure.message);
        },
      ),
      cases(100),
    ),
  );
});

/** Agents that never come to an end, each in its way. */
const ENDLESS: Readonly<Record<string, (socket: Socket) => void>> = {
  "does not answer": () => {},
  "announces 4 GiB and sends them": (socket) => flood(socket, Buffer.alloc(65_536, 0xff)),
  "announces 256 KiB and sends a byte now and then": (socket) => {
    socket.write(u32(256 * 1024));
    const timer = setInterval(() => socket.write("x"), 20);
    socket.on("close", () => clearInterval(timer));
  },
  "sends answers that nobody asked for": (socket) =>
    flood(socket, Buffer.concat(Array<Buffer>(5000).fill(wireString(Buffer.from([5]))))),
  "has more keys than there are": (socket) =>
    void socket.write(wireString(Buffer.concat([Buffer.from([12]), u32(0xffffffff)]))),
  "has keys whose names are full of controls": (socket) =>
    void socket.write(
      keysAnswer([strangeKey(1), strangeKey(2)], "\x1b]0;owned\x07\r\n* PREAUTH gotcha\r\n\u202e"),
    ),
};

function flood(socket: Socket, piece: Buffer): void {
  const more = (): void => {
    while (!socket.destroyed && socket.write(piece));
  };
  socket.on("drain", more);
  more();
}

describeForms("an agent that", { concurrency: 2 }, (form) => {
  for (const [what, serve] of Object.entries(ENDLESS)) {
    test(`${what} holds nothing up beyond the deadline, and fills no memory`, async () => {
      using home = makeHome();
      await using hostile = await agentThat((socket) => socket.once("data", () => serve(socket)));
      const keys = { identity: undefined, deadline: "1500ms" };
      home.writeTable(tableFor(sshd, { ...keys, "commands.imap": saying(home, GREETING) }));
      const env = { ...home.env, SSH_AUTH_SOCK: hostile.path };
      await using call = await startCall([...form.argv, ...MAIL], { env });
      call.write("A7 SELECT INBOX\r\n");
      const finished = call.finished(5500);
      const peak = await watchMemory(call.pid, finished);
      const { output, status } = await finished;
      assert.equal(since(call) < 5500, true);
      assert.equal(peak < 260, true, `${peak} MiB`);
      const text = output.toString("latin1");
      const [, reason = ""] = /^\* BYE preauth: (.*)\r$/m.exec(text) ?? [];
      assert.equal(text, refusal(reason));
      assert.match(reason, /^[ -~]{1,400}$/);
      assert.doesNotMatch(home.log(), RAW);
      assert.equal(status === 69 || status === 77, true, `${status}`);
    });
  }
});
