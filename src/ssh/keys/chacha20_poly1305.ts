import { timingSafeEqual } from "node:crypto";
import { poly1305 } from "@noble/ciphers/_poly1305.js";
import { chacha20orig } from "@noble/ciphers/chacha.js";

/*
 * chacha20-poly1305@openssh.com (PROTOCOL.chacha20poly1305 of OpenSSH), which Bun's cryptography does not have: ChaCha20
 * as it was before RFC 8439, with the number of a packet for its nonce.
 */

/** The key of both parts: the first half is for what is in a packet, the second for its length. */
export class ChaChaKey {
  readonly #content: Buffer;
  readonly #length: Buffer;

  constructor(key: Buffer) {
    this.#content = Buffer.from(key.subarray(0, 32));
    this.#length = Buffer.from(key.subarray(32, 64));
  }

  /** Encrypts or decrypts a packet's length, 4 bytes. */
  length(number: number, bytes: Uint8Array): Buffer {
    return Buffer.from(chacha20orig(this.#length, nonceOf(number), bytes));
  }

  /** Encrypts or decrypts what is in a packet. */
  content(number: number, bytes: Uint8Array): Buffer {
    const { buffer, byteOffset, byteLength } = chacha20orig(
      this.#content,
      nonceOf(number),
      bytes,
      undefined,
      1,
    );
    return Buffer.from(buffer, byteOffset, byteLength);
  }

  /** Of all that is encrypted, in its order. */
  tag(number: number, ...encrypted: readonly Uint8Array[]): Buffer {
    const key = chacha20orig(this.#content, nonceOf(number), new Uint8Array(32));
    const sum = poly1305.create(key);
    for (const bytes of encrypted) sum.update(bytes);
    return Buffer.from(sum.digest());
  }

  /** Whether the tag is the right one. */
  isTag(tag: Buffer, number: number, ...encrypted: readonly Uint8Array[]): boolean {
    const right = this.tag(number, ...encrypted);
    return tag.length === right.length && timingSafeEqual(tag, right);
  }
}

function nonceOf(number: number): Buffer {
  const nonce = Buffer.alloc(8);
  nonce.writeUInt32BE(number, 4);
  return nonce;
}
