import { generateKeyPairSync, webcrypto } from "node:crypto";
import type { Kem, PublicKey } from "./exchange.ts";
import { rawPublicKey } from "./mlkem.ts";

/** What Bun and Node 24.7 and later have of ML-KEM, and the types of Node 20 do not. */
interface KeyPair {
  readonly publicKey: PublicKey;
  readonly privateKey: {
    toCryptoKey(
      algorithm: typeof ALGORITHM,
      extractable: boolean,
      usages: readonly string[],
    ): webcrypto.CryptoKey;
  };
}

type Decapsulate = (
  algorithm: typeof ALGORITHM,
  key: webcrypto.CryptoKey,
  ciphertext: Uint8Array,
) => Promise<ArrayBuffer>;

/** Bytes of a public key (FIPS 203 table 3). */
const PUBLIC_KEY = 1184;

const ALGORITHM = { name: "ML-KEM-768" } as const;

/**
 * What makes key pairs here: the runtime's own cryptography, which takes a tenth of a millisecond for each step, or
 * where it has none a library, which takes ten and is loaded only then.
 */
export async function kemMaker(): Promise<() => Kem> {
  try {
    nativeKem();
    return nativeKem;
  } catch {
    return (await import("./noble_kem.ts")).nobleKem;
  }
}

/** Throws where the runtime has no ML-KEM. */
export function nativeKem(): Kem {
  const native: unknown = Reflect.get(webcrypto.subtle, "decapsulateBits");
  if (typeof native !== "function") throw new Error("no ML-KEM");
  const generate = generateKeyPairSync as unknown as (type: "ml-kem-768") => KeyPair;
  const { publicKey, privateKey } = generate("ml-kem-768");
  const key = privateKey.toCryptoKey(ALGORITHM, false, ["decapsulateBits"]);
  const decapsulate = native.bind(webcrypto.subtle) as Decapsulate;
  return {
    publicKey: rawPublicKey(publicKey, PUBLIC_KEY),
    decapsulate: async (ciphertext) => new Uint8Array(await decapsulate(ALGORITHM, key, ciphertext)),
  };
}
