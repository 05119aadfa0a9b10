import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import {
  createHash,
  createPublicKey,
  diffieHellman,
  generateKeyPairSync,
  getDiffieHellman,
} from "node:crypto";
import { describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { ml_kem768 } from "@noble/post-quantum/ml-kem.js";
import fc from "fast-check";
import { MLKEM } from "../../../../src/ssh/exchange/algorithms.ts";
import { prepareKeyExchanges } from "../../../../src/ssh/exchange/key_exchange.ts";
import { MlkemExchange } from "../../../../src/ssh/exchange/mlkem.ts";
import { MODP_GROUPS, ModpExchange, primeOf } from "../../../../src/ssh/exchange/modp.ts";
import { nobleKem } from "../../../../src/ssh/exchange/noble_kem.ts";
import { targetFor } from "../fixtures.ts";

const bun = fileURLToPath(new URL("../../../../node_modules/.bin/bun", import.meta.url));

const nowhere = { host: "127.0.0.1", port: 1, user: "jane", identity: "/nowhere", knownHosts: "/nowhere" };

describe("ML-KEM with X25519", () => {
  /** The server's side: its message, and the secret it comes to. */
  function answer(init: Buffer): { readonly reply: Buffer; readonly secret: Buffer } {
    const { cipherText, sharedSecret } = ml_kem768.encapsulate(init.subarray(0, 1184));
    const curve = generateKeyPairSync("x25519");
    const raw = (x: string | undefined) => Buffer.from(x ?? "", "base64url");
    const x = init.subarray(1184).toString("base64url");
    const publicKey = createPublicKey({ key: { kty: "OKP", crv: "X25519", x }, format: "jwk" });
    const classical = diffieHellman({ privateKey: curve.privateKey, publicKey });
    const secret = createHash("sha256").update(sharedSecret).update(classical).digest();
    return { reply: Buffer.concat([cipherText, raw(curve.publicKey.export({ format: "jwk" }).x)]), secret };
  }

  const fresh = () => new MlkemExchange(nobleKem());

  test("both sides come to the same secret", async () => {
    for (let count = 0; count < 10; count++) {
      const exchange = fresh();
      const init = exchange.init();
      assert.equal(init.length, 1184 + 32);
      const { reply, secret } = answer(init);
      assert.deepEqual(await exchange.secret(reply), secret);
    }
  });

  test("an answer of another length, or with a point of small order, is refused", async () => {
    const exchange = fresh();
    const { reply } = answer(exchange.init());
    for (const length of [0, 1, 32, 1088, 1119, 1121, 4000]) {
      const cut = Buffer.concat([reply, Buffer.alloc(4000)]).subarray(0, length);
      await assert.rejects(exchange.secret(cut), /bytes in the server's part/);
    }
    for (const point of [Buffer.alloc(32), Buffer.concat([Buffer.from([1]), Buffer.alloc(31)])]) {
      await assert.rejects(exchange.secret(Buffer.concat([reply.subarray(0, 1088), point])));
    }
  });

  test("a ciphertext for another key gives another secret, and no error", async () => {
    const exchange = fresh();
    const { reply } = answer(exchange.init());
    const foreign = answer(fresh().init());
    assert.notDeepEqual(await exchange.secret(foreign.reply), foreign.secret);
    reply.writeUInt8(reply.readUInt8(5) ^ 1, 5);
    assert.equal((await exchange.secret(reply)).length, 32);
  });

  test("the runtime's own ML-KEM, where there is one, and the library's come to the same", async () => {
    // Of the two that the program is run by, the one that compiles it has it in every version we take.
    const { status, stdout, stderr } = spawnSync(bun, [fileURLToPath(new URL("kems.mjs", import.meta.url))], {
      encoding: "utf8",
    });
    assert.equal(status, 0, stderr);
    assert.equal(stdout, "native: 1184 32 same other\n");
  });

  test("is there when ssh_config allows it, fresh for every exchange", async () => {
    const all = { kex: undefined, hostKey: undefined, cipher: undefined, mac: undefined, userKey: undefined };
    const make = (await prepareKeyExchanges(targetFor(nowhere)))[MLKEM];
    assert.ok(make);
    const inits = await Promise.all([make().init(), make().init(), make().init()]);
    assert.equal(new Set(inits.map((init) => init.toString("hex"))).size, 3);
    const allowed = { ...all, kex: ["curve25519-sha256"] };
    assert.equal(MLKEM in (await prepareKeyExchanges(targetFor(nowhere, { allowed }))), false);
  });
});

describe("Diffie-Hellman", () => {
  test("the largest group is computed in pieces of a few milliseconds", async () => {
    const group = MODP_GROUPS["diffie-hellman-group18-sha512"];
    assert.ok(group);
    const exchange = new ModpExchange(group);
    let turns = 0;
    const watch = setImmediate(function again() {
      turns++;
      if (turns < 1000) setImmediate(again);
    });
    await exchange.init();
    clearImmediate(watch);
    assert.equal(turns >= 8, true, `${turns} turns`);
  });

  for (const [name, group] of Object.entries(MODP_GROUPS)) {
    const number = /group(\d+)/.exec(name)?.[1] ?? "";
    const node = getDiffieHellman(`modp${number}`);

    test(`group ${number} is the one of RFC 3526, and comes to what OpenSSL comes to`, async () => {
      assert.equal(primeOf(group), BigInt(`0x${node.getPrime("hex")}`));
      const exchange = new ModpExchange(group);
      const theirs = node.generateKeys();
      const init = await exchange.init();
      const ours = node.computeSecret(init);
      assert.equal(integer(await exchange.secret(theirs)), integer(ours));
      assert.equal(init.readUInt8(0) < 0x80, true);
    });

    test(`group ${number} takes no answer outside of 2 to p - 2`, async () => {
      const exchange = new ModpExchange(group);
      const prime = primeOf(group);
      const bytes = (value: bigint) =>
        Buffer.from(`00${value.toString(16).padStart(group.bits / 4, "0")}`, "hex");
      for (const bad of [0n, 1n, prime - 1n, prime, prime + 1n]) {
        await assert.rejects(exchange.secret(bytes(bad)), /out of range/);
      }
      for (const bad of [Buffer.alloc(0), Buffer.alloc(5000), Buffer.alloc(100_000, 0xff)]) {
        await assert.rejects(exchange.secret(bad), /out of range/);
      }
    });
  }

  test("the secret is written as RFC 4251 writes numbers, whatever the answer", async () => {
    const group = MODP_GROUPS["diffie-hellman-group14-sha256"];
    assert.ok(group);
    const exchange = new ModpExchange(group);
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ minLength: 2, maxLength: 250 }), async (bytes) => {
        const secret = await exchange.secret(Buffer.concat([Buffer.from([1]), bytes]));
        const [first = 0, second = 0] = secret;
        assert.equal(first < 0x80 && (first !== 0 || second >= 0x80), true);
      }),
      { numRuns: 30 },
    );
  });
});

function integer(bytes: Buffer): bigint {
  return BigInt(`0x${bytes.toString("hex")}`);
}
