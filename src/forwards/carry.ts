import type { Socket } from "node:net";
import type { Note } from "../report/note.ts";
import type { Forward } from "../table/table.ts";
import { type Carry, NOWHERE, type Origin } from "./carrier.ts";
import { join } from "./join.ts";
import { connectionOwner } from "./owner.ts";
import { endpointText } from "./plan.ts";
import { reasonOf } from "./reason.ts";
import type { SocketTables } from "./socket_tables.ts";

export interface TrafficOptions {
  readonly carry: Carry;
  readonly tables: SocketTables;
  /** Whose connections are carried. */
  readonly uid: number;
  readonly note: Note;
}

/** Different lines of one forward that are noted before it has carried a connection again. */
const MOST_LINES = 20;

/** The connections that came to forwards: each is let in or refused, and carried to its end. */
export class Traffic {
  readonly #options: TrafficOptions;
  readonly #open = new Set<Socket>();
  /** Connections by their two ends. */
  readonly #ends = new Map<string, Socket>();
  readonly #told = new Map<Forward, Set<string>>();
  readonly #idle: (() => void)[] = [];

  constructor(options: TrafficOptions) {
    this.#options = options;
  }

  /** How many connections there are, those included that are still to be let in. */
  get open(): number {
    return this.#open.size;
  }

  /** Resolves when there is no connection. */
  idle(): Promise<void> {
    if (this.#open.size === 0) return Promise.resolve();
    return new Promise((resolve) => this.#idle.push(resolve));
  }

  /** Takes a connection, paused. Whatever becomes of it, nothing is thrown and nothing is left open. */
  accept(forward: Forward, client: Socket): void {
    this.#open.add(client);
    client.on("error", () => {});
    const ends = `${client.remoteAddress} ${client.remotePort} ${client.localAddress} ${client.localPort}`;
    this.#ends.set(ends, client);
    void this.#serve(forward, client, () => this.#ends.get(ends) === client).finally(() => {
      client.destroy();
      this.#open.delete(client);
      if (this.#ends.get(ends) === client) this.#ends.delete(ends);
      if (this.#open.size === 0) for (const resolve of this.#idle.splice(0)) resolve();
    });
  }

  /** Ends every connection at once. */
  close(): void {
    for (const client of this.#open) client.destroy();
  }

  async #serve(forward: Forward, client: Socket, isLatest: () => boolean): Promise<void> {
    const what = endpointText(forward.to);
    const origin = originOf(client);
    try {
      const refusal = await this.#refusal(forward, client);
      if (refusal !== undefined) return this.#tell(forward, `refused a connection: ${refusal}`);
      // Two with the same ends: the first one is over, and the owner found is that of the second.
      if (client.destroyed || (origin !== NOWHERE && !isLatest())) return;
      const far = await this.#options.carry(forward.to, origin);
      this.#told.delete(forward);
      const broken = await join(client, far);
      if (broken !== undefined) this.#tell(forward, `a connection to ${what} broke: ${reasonOf(broken)}`);
    } catch (error) {
      this.#tell(forward, `no connection to ${what}: ${reasonOf(error)}`);
    }
  }

  /** Why a connection is not to be carried. At a Unix socket the mode of its file has decided that already. */
  async #refusal(forward: Forward, client: Socket): Promise<string | undefined> {
    if (forward.allow === "any-user" || typeof forward.listen === "string") return undefined;
    const { remoteAddress, remotePort, localAddress, localPort } = client;
    if (!remoteAddress || !remotePort || !localAddress || !localPort) return "it was over at once";
    const owner = await connectionOwner(this.#options.tables, {
      peer: { address: remoteAddress, port: remotePort },
      own: { address: localAddress, port: localPort },
    });
    if (owner.kind === "untold") return `whose it is cannot be told: ${owner.why}`;
    if (owner.kind === "uid" && owner.uid !== this.#options.uid) return `it is uid ${owner.uid}'s`;
    return undefined;
  }

  /** One line a reason and not one a connection, until the forward works again: clients try again and again. */
  #tell(forward: Forward, line: string): void {
    const told = this.#told.get(forward) ?? new Set();
    this.#told.set(forward, told);
    if (told.has(line) || told.size === MOST_LINES) return;
    told.add(line);
    this.#options.note(`forward "${forward.name}": ${line}`);
  }
}

function originOf({ remoteAddress, remotePort }: Socket): Origin {
  if (!remoteAddress || !remotePort) return NOWHERE;
  return { address: remoteAddress, port: remotePort };
}
