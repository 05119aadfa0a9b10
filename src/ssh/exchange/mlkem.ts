import { createHash, createPublicKey, diffieHellman, generateKeyPairSync } from "node:crypto";
import type { Kem, KeyExchange, PublicKey } from "./exchange.ts";

/** Bytes of an ML-KEM-768 ciphertext (FIPS 203 table 3), and of an X25519 public key (RFC 7748 section 5). */
const CIPHERTEXT = 1088;
const POINT = 32;

/**
 * The last `length` bytes of a key's SubjectPublicKeyInfo, which are the key (RFC 8410 section 4; ML-KEM's are alike). Not
 * by way of a JWK: Node 20 keeps the key locked while it exports one, and should it collect its garbage then, whatever
 * generated that key waits for the lock for ever.
 */
export function rawPublicKey(key: PublicKey, length: number): Buffer {
  return key.export({ format: "der", type: "spki" }).subarray(-length);
}

/** mlkem768x25519-sha256 (draft-ietf-sshm-mlkem-hybrid-kex): of each message the ML-KEM part comes first. */
export class MlkemExchange implements KeyExchange {
  readonly hash = "sha256";
  readonly #kem: Kem;
  readonly #curve = generateKeyPairSync("x25519");

  constructor(kem: Kem) {
    this.#kem = kem;
  }

  init(): Buffer {
    return Buffer.concat([this.#kem.publicKey, rawPublicKey(this.#curve.publicKey, POINT)]);
  }

  /** A ciphertext that was not made for this key gives another secret, and the exchange does not verify. */
  async secret(reply: Buffer): Promise<Buffer> {
    if (reply.length !== CIPHERTEXT + POINT) throw new Error(`${reply.length} bytes in the server's part`);
    const x = reply.subarray(CIPHERTEXT).toString("base64url");
    const publicKey = createPublicKey({ key: { kty: "OKP", crv: "X25519", x }, format: "jwk" });
    const classical = diffieHellman({ privateKey: this.#curve.privateKey, publicKey });
    // RFC 8731 section 3: a point of small order would take the server's word for the secret.
    if (classical.every((byte) => byte === 0)) throw new Error("the server's part is of small order");
    const quantum = await this.#kem.decapsulate(reply.subarray(0, CIPHERTEXT));
    return createHash("sha256").update(quantum).update(classical).digest();
  }
}
