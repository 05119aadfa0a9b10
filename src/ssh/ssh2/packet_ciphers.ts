import { CHACHA20 } from "../exchange/algorithms.ts";
import type { PacketCipher } from "./patched.ts";

/** Ciphers that ssh2 cannot do on Bun; they are loaded when a server has agreed to one. */
export const packetCiphers: Readonly<Record<string, () => Promise<(key: Buffer) => PacketCipher>>> = {
  [CHACHA20]: async () => {
    const { ChaChaKey } = await import("../keys/chacha20_poly1305.ts");
    return (key) => new ChaChaKey(key);
  },
};
