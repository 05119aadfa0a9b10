import { ml_kem768 } from "@noble/post-quantum/ml-kem.js";
import type { Kem } from "./exchange.ts";

/** A key pair of a library that needs nothing of the runtime's. */
export function nobleKem(): Kem {
  const { publicKey, secretKey } = ml_kem768.keygen();
  return { publicKey, decapsulate: async (ciphertext) => ml_kem768.decapsulate(ciphertext, secretKey) };
}
