/** One key exchange of RFC 4253 section 8, from the client's side: what is sent, and what comes of the answer. */
export interface KeyExchange {
  readonly hash: "sha256" | "sha512";
  /** The client's part, as it stands in the string of the first message; called once, and first. */
  init(): Buffer | Promise<Buffer>;
  /** The shared secret, as it is hashed after its length. Throws when the server's part is of no use. */
  secret(reply: Buffer): Buffer | Promise<Buffer>;
}

/** Makes a fresh exchange of each kind that ssh2 cannot do, or not on Bun. */
export type KeyExchanges = Readonly<Record<string, () => KeyExchange>>;

/** A fresh key pair of ML-KEM-768 (FIPS 203). */
export interface Kem {
  readonly publicKey: Uint8Array;
  /** The secret in a ciphertext; another secret when it was not made for this key. */
  decapsulate(ciphertext: Buffer): Promise<Uint8Array>;
}

/** What is asked of a public key. */
export interface PublicKey {
  export(options: { readonly format: "der"; readonly type: "spki" }): Buffer;
}
