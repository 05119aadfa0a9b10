import { networkInterfaces } from "node:os";
import { Failure } from "../../failure.ts";
import type { Tcp } from "../../target/tcp_options.ts";
import { type Address, lookUp } from "./addresses.ts";

/** An address of the server, and the own one to connect from; undefined leaves the choice to the system. */
export interface Route extends Address {
  readonly from: string | undefined;
}

/**
 * The ways to a server's addresses that BindAddress or BindInterface allow; BindAddress wins, as in ssh(1)
 * (sshconnect.c). An address of the server for whose family there is none of our own is left out. Throws a Failure
 * when none is left: to connect from another address would not be what was asked for.
 */
export async function routes(
  addresses: readonly Address[],
  { bindAddress, bindInterface }: Tcp,
  { subject, signal }: { readonly subject: string; readonly signal: AbortSignal },
): Promise<readonly Route[]> {
  const wanted = bindAddress ?? bindInterface;
  if (wanted === undefined) return addresses.map((one) => ({ ...one, from: undefined }));
  const own =
    bindAddress === undefined
      ? ofInterface(wanted)
      : await lookUp(bindAddress, { family: "any", subject, signal });
  const found = addresses.map((one) => ({
    ...one,
    from: own.find(({ family }) => family === one.family)?.address,
  }));
  const usable = found.filter(({ from }) => from !== undefined);
  if (usable.length > 0) return usable;
  const name = bindAddress === undefined ? "BindInterface" : "BindAddress";
  throw new Failure("network", subject, `${name} "${wanted}" has no address to connect from`, {
    hints: [`see what this machine has with ip address, or leave ${name} out for this host`],
  });
}

/** Its addresses; those that lead nowhere else, loopback and link-local, come last. */
function ofInterface(name: string): readonly Address[] {
  const all = networkInterfaces()[name] ?? [];
  const isLocal = ({ address }: Address): boolean =>
    address === "127.0.0.1" || /^(::1$|fe[89ab])/i.test(address);
  const addresses = all.map(
    ({ address, family }): Address => ({ address, family: family === "IPv4" ? 4 : 6 }),
  );
  return [...addresses.filter((one) => !isLocal(one)), ...addresses.filter(isLocal)];
}
