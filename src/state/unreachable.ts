import { networkInterfaces } from "node:os";
import { join } from "node:path";
import { SILENCE_REMEMBERED_MS } from "../second_chances.ts";
import { digest, discard, readRecord, writeRecord } from "./record.ts";

/** The server that was tried without a ProxyCommand: name or address, and port, as ssh_config settles them. */
export interface ServerAddress {
  readonly host: string;
  readonly port: number;
}

const SHAPE = {
  at: "number",
  network: "string",
  what: "string",
  /** Milliseconds that the server had. */
  had: "number",
} as const;

/**
 * What is remembered of servers that let a whole deadline pass without a byte: behind a firewall that drops
 * packets every folder would cost its client the same wait. One small file a server in the state directory.
 */
export class Unreachable {
  readonly #directory: string;
  readonly #pid: number;

  constructor(stateDirectory: string, pid: number) {
    this.#directory = join(stateDirectory, "unreachable");
    this.#pid = pid;
  }

  /**
   * What was found out about a server less than 30 s ago on the same network; undefined for nothing, or for a
   * server that had less than half of the `left` milliseconds which this call can still give it.
   */
  recall(tried: ServerAddress, left: number): string | undefined {
    const record = readRecord(this.#file(tried), SHAPE);
    if (record === undefined) return undefined;
    const age = Date.now() - record.at;
    if (age >= 0 && age < SILENCE_REMEMBERED_MS && record.network === network()) {
      return record.had >= left / 2 ? record.what : undefined;
    }
    this.forget(tried);
    return undefined;
  }

  /**
   * Remembers that a server said nothing in the `had` milliseconds that it was given, in words without the name of
   * this call's server. Best effort: without a state directory every call finds out anew.
   */
  remember(tried: ServerAddress, had: number, what: string): void {
    writeRecord(this.#file(tried), { at: Date.now(), network: network(), what, had }, this.#pid);
  }

  forget(tried: ServerAddress): void {
    discard(this.#file(tried));
  }

  #file({ host, port }: ServerAddress): string {
    return join(this.#directory, digest([host, String(port)]));
  }
}

/** The machine's addresses: another set means another network, and a new chance. */
function network(): string {
  const addresses = Object.values(networkInterfaces()).flatMap((list) => list ?? []);
  return addresses
    .filter((address) => !address.internal)
    .map((address) => address.address)
    .sort()
    .join(" ");
}
