import assert from "node:assert/strict";
import { createPublicKey, diffieHellman, generateKeyPairSync } from "node:crypto";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { setTimeout } from "node:timers/promises";
import ssh2 from "ssh2";
import type { KeyExchange } from "../../../../src/ssh/exchange/exchange.ts";
import { makeKey } from "../../../peers/keys.ts";
import { listen } from "../../../peers/tcp.ts";
import { makeTemporary, removeTemporary } from "../../../peers/temporary.ts";

const KEX = "curve25519-sha256";

const folder = makeTemporary();
const key = makeKey(join(folder, "host"));
const server = new ssh2.Server({ hostKeys: [readFileSync(key.path)] }, (connection) => {
  connection.on("error", () => {}).on("authentication", (attempt) => attempt.accept());
});
before(async () => {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
});
after(() => {
  server.close();
  removeTemporary(folder);
});

/** Curve25519 whose secret is there in a later turn, as the runtime's own ML-KEM is. */
function slowExchange(): KeyExchange {
  const { publicKey, privateKey } = generateKeyPairSync("x25519");
  const { x = "" } = publicKey.export({ format: "jwk" });
  return {
    hash: "sha256",
    init: () => Buffer.from(x, "base64url"),
    secret: async (reply) => {
      await setTimeout(50);
      const theirs = {
        key: { kty: "OKP", crv: "X25519", x: reply.toString("base64url") },
        format: "jwk",
      } as const;
      const secret = diffieHellman({ privateKey, publicKey: createPublicKey(theirs) });
      // RFC 4251 section 5: an mpint is never negative, nor longer than it must be.
      const digits = secret.subarray(secret.findIndex((byte) => byte !== 0));
      return (digits[0] ?? 0) & 0x80 ? Buffer.concat([Buffer.alloc(1), digits]) : digits;
    },
  };
}

/** What a client comes to see, in order; `pass` has each piece of the server's. */
async function story(
  pass: (piece: Buffer, write: (bytes: Buffer) => void, end: () => void) => void,
): Promise<string[]> {
  const { port } = server.address() as { port: number };
  await using proxy = await listen((socket) => {
    const behind = connect(port, "127.0.0.1")
      .on("error", () => {})
      .on("close", () => socket.end());
    socket
      .on("data", (bytes) => behind.write(bytes))
      .on("error", () => {})
      .on("close", () => behind.destroy());
    behind.on("data", (piece: Buffer) =>
      pass(
        piece,
        (bytes) => void socket.write(bytes),
        () => void socket.end(),
      ),
    );
  });
  const client = new ssh2.Client();
  const seen: string[] = [];
  client.on("handshake", () => seen.push("handshake"));
  client.on("ready", () => {
    seen.push("ready");
    client.end();
  });
  client.on("error", () => seen.push("error"));
  client.on("close", () => seen.push("close"));
  client.connect({
    ...{ host: proxy.host, port: proxy.port, username: "jane" },
    algorithms: { kex: [KEX] },
    keyExchanges: { [KEX]: slowExchange },
    hostVerifier: () => {
      seen.push("host key");
      return true;
    },
  });
  await once(client, "close");
  return seen;
}

test("a server's bytes are taken in wherever they are cut while the secret is computed", async () => {
  const seen = await story((piece, write) => {
    for (const byte of piece) write(Buffer.of(byte));
  });
  assert.deepEqual(seen.slice(0, 3), ["host key", "handshake", "ready"]);
});

test("a server that closes the connection meanwhile is heard out before", async () => {
  let pieces = Buffer.alloc(0);
  const seen = await story((piece, write, end) => {
    pieces = Buffer.concat([pieces, piece]);
    write(piece);
    // SSH_MSG_NEWKEYS, padded.
    if (pieces.includes(Buffer.from([0, 0, 0, 12, 10, 21]))) end();
  });
  assert.deepEqual(seen.slice(0, 2), ["host key", "handshake"]);
  assert.equal(seen.at(-1), "close");
});
