import type { Target } from "../../target/target.ts";
import { keyExchangesFor, MLKEM } from "./algorithms.ts";
import type { KeyExchange, KeyExchanges } from "./exchange.ts";
import { kemMaker } from "./kem.ts";
import { MlkemExchange } from "./mlkem.ts";
import { MODP_GROUPS, ModpExchange } from "./modp.ts";

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
