import { ml_kem768 } from "@noble/post-quantum/ml-kem.js";
import { kemMaker, nativeKem } from "../../../../src/ssh/exchange/kem.ts";

// Run by Bun, from key_exchange.test.ts: a key pair of the runtime's, and a ciphertext of the library's.

const kind = (await kemMaker()) === nativeKem ? "native" : "library";
const [kem, other] = [nativeKem(), nativeKem()];
const { cipherText, sharedSecret } = ml_kem768.encapsulate(kem.publicKey);
const [secret, foreign] = [await kem.decapsulate(cipherText), await other.decapsulate(cipherText)];
const same = (one) => (Buffer.from(one).equals(Buffer.from(sharedSecret)) ? "same" : "other");
process.stdout.write(`${kind}: ${kem.publicKey.length} ${secret.length} ${same(secret)} ${same(foreign)}\n`);
