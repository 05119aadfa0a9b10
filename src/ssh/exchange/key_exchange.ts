import type { Target } from "../../target/target.ts";
import { keyExchangesFor, MLKEM } from "./algorithms.ts";
import { kemMaker } from "./kem.ts";
import { MlkemExchange } from "./mlkem.ts";
import { MODP_GROUPS, ModpExchange } from "./modp.ts";

/** One key exchange of RFC 4253 section 8, from the client's side: what is sent, and what comes of the answer. */
export interface KeyExchange {
  readonly hash: "sha256" | "sha512";
  /** The client's part, as it stands in the string of the first message. */
  readonly init: Buffer;
  /** The shared secret, as it is hashed after its length. Throws when the server's part is of no use. */
  secret(reply: Buffer): Buffer | Promise<Buffer>;
}

/** Makes a fresh exchange of each kind that ssh2 cannot do, or not on Bun. */
export type KeyExchanges = Readonly<Record<string, () => KeyExchange>>;

declare module "ssh2" {
  /** What patches/ssh2+1.17.0.patch adds. */
  interface ConnectConfig {
    readonly keyExchanges?: KeyExchanges;
    /** The plain key in a host certificate; undefined when it is none. */
    readonly certifiedKey?: (certificate: Buffer) => Buffer | undefined;
  }
}

/**
 * Gets ready what the target may need. Where ML-KEM comes from a library, to load it and to make the first keys takes
 * 30 ms, which pass while the network is waited for. Give the network a turn first.
 */
export async function prepareKeyExchanges(target: Target): Promise<KeyExchanges> {
  const groups = Object.entries(MODP_GROUPS).map(([name, group]) => [name, () => new ModpExchange(group)]);
  const exchanges: Record<string, () => KeyExchange> = Object.fromEntries(groups);
  if (keyExchangesFor(target.allowed.value.kex).includes(MLKEM)) {
    await new Promise((resolve) => setImmediate(resolve));
    const makeKem = await kemMaker();
    let ready: KeyExchange | undefined = new MlkemExchange(makeKem());
    exchanges[MLKEM] = () => {
      const exchange = ready ?? new MlkemExchange(makeKem());
      ready = undefined;
      return exchange;
    };
  }
  return exchanges;
}
