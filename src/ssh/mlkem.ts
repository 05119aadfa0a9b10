import { createHash, createPublicKey, diffieHellman, generateKeyPairSync } from "node:crypto";
import { ml_kem768 } from "@noble/post-quantum/ml-kem.js";
import type { KeyExchange } from "./key_exchange.ts";

/** Bytes of an ML-KEM-768 ciphertext (FIPS 203 table 3), and of an X25519 public key (RFC 7748 section 5). */
const CIPHERTEXT = 1088;
const POINT = 32;

/** mlkem768x25519-sha256 (draft-ietf-sshm-mlkem-hybrid-kex): of each message the ML-KEM part comes first. */
export class MlkemExchange implements KeyExchange {
  readonly hash = "sha256";
  readonly init: Buffer;
  readonly #kem = ml_kem768.keygen();
  readonly #curve = generateKeyPairSync("x25519");

  constructor() {
    const { x = "" } = this.#curve.publicKey.export({ format: "jwk" });
    this.init = Buffer.concat([this.#kem.publicKey, Buffer.from(x, "base64url")]);
  }

  /** A ciphertext that was not made for this key gives another secret, and the exchange does not verify. */
  secret(reply: Buffer): Buffer {
    if (reply.length !== CIPHERTEXT + POINT) throw new Error(`${reply.length} bytes in the server's part`);
    const x = reply.subarray(CIPHERTEXT).toString("base64url");
    const publicKey = createPublicKey({ key: { kty: "OKP", crv: "X25519", x }, format: "jwk" });
    const classical = diffieHellman({ privateKey: this.#curve.privateKey, publicKey });
    // RFC 8731 section 3: a point of small order would take the server's word for the secret.
    if (classical.every((byte) => byte === 0)) throw new Error("the server's part is of small order");
    const quantum = ml_kem768.decapsulate(reply.subarray(0, CIPHERTEXT), this.#kem.secretKey);
    return createHash("sha256").update(quantum).update(classical).digest();
  }
}
