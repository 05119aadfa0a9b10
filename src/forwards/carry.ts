import type { Socket } from "node:net";
import type { Note } from "../report/note.ts";
import type { Forward } from "../table/table.ts";
import { type Carry, NOWHERE, type Origin } from "./carrier.ts";
import { join, reset } from "./join.ts";
import { type Accepted, type Owner, Owners } from "./owner.ts";
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
  /** Those that are asked about, by their ends. */
  readonly #ends = new Map<string, Socket>();
  readonly #told = new Map<Forward, Set<string>>();
  readonly #idle: (() => void)[] = [];
  readonly #owners: Owners;

  constructor(options: TrafficOptions) {
    this.#options = options;
    this.#owners = new Owners(options.tables);
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
    const connection = endsOf(client);
    // At a Unix socket the mode of its file has decided already.
    if (forward.allow === "any-user" || typeof forward.listen === "string") {
      void this.#serve(forward, client, connection?.peer ?? NOWHERE);
    } else if (connection === undefined) this.#refuse(forward, client, "it was over at once");
    else this.#judge(forward, client, connection);
  }

  #judge(forward: Forward, client: Socket, connection: Accepted): void {
    const ends = `${connection.peer.address} ${connection.peer.port} ${connection.own.address}`;
    this.#ends.set(ends, client);
    this.#owners.ask(connection, (owner) => {
      // Two with the same ends: the first one is over, and the owner found is that of the second.
      const isLatest = this.#ends.get(ends) === client;
      if (isLatest) this.#ends.delete(ends);
      const refusal = this.#refusal(owner);
      if (refusal !== undefined) this.#refuse(forward, client, refusal);
      else if (client.destroyed || !isLatest) this.#leave(client);
      else void this.#serve(forward, client, connection.peer);
    });
  }

  /** Ends every connection at once. */
  close(): void {
    for (const client of this.#open) client.destroy();
  }

  async #serve(forward: Forward, client: Socket, origin: Origin): Promise<void> {
    try {
      const far = await this.#options.carry(forward.to, origin);
      this.#told.delete(forward);
      const broken = await join(client, far);
      if (broken === undefined) return;
      this.#tell(forward, `a connection to ${endpointText(forward.to)} broke: ${reasonOf(broken)}`);
    } catch (error) {
      this.#tell(forward, `no connection to ${endpointText(forward.to)}: ${reasonOf(error)}`);
    } finally {
      this.#leave(client);
    }
  }

  /** Why a connection is not to be carried. */
  #refusal(owner: Owner): string | undefined {
    if (owner.kind === "untold") return `whose it is cannot be told: ${owner.why}`;
    if (owner.kind === "uid" && owner.uid !== this.#options.uid) return `it is uid ${owner.uid}'s`;
    return undefined;
  }

  #refuse(forward: Forward, client: Socket, why: string): void {
    this.#tell(forward, `refused a connection: ${why}`);
    // Without the minute that the kernel would remember it for, in the very table that is read.
    reset(client);
    this.#leave(client);
  }

  #leave(client: Socket): void {
    client.destroy();
    this.#open.delete(client);
    if (this.#open.size === 0) for (const resolve of this.#idle.splice(0)) resolve();
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

function endsOf({ remoteAddress, remotePort, localAddress, localPort }: Socket): Accepted | undefined {
  if (!remoteAddress || !remotePort || !localAddress || !localPort) return undefined;
  return {
    peer: { address: remoteAddress, port: remotePort },
    own: { address: localAddress, port: localPort },
  };
}
