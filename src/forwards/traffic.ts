import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import type { Note } from "../report/note.ts";
import { unavailable } from "../report/refusal.ts";
import type { CarriedForward, SessionForward } from "../table/decision.ts";
import { type Carry, NOWHERE, type OpenSession, type Originator } from "./carry.ts";
import { farewell, join, reset } from "./join.ts";
import { type Accepted, type Owner, Owners } from "./owner.ts";
import { leadsTo } from "./plan.ts";
import { asFailure, reasonOf } from "./reason.ts";
import type { SocketTables } from "./socket_tables.ts";
import { WaitingClient } from "./waiting_client.ts";

export interface TrafficOptions {
  readonly carry: Carry;
  readonly open: OpenSession;
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
  readonly #clients = new Map<Socket, CarriedForward>();
  /** Those that are asked about, by their ends. */
  readonly #ends = new Map<string, Socket>();
  readonly #told = new Map<CarriedForward, Set<string>>();
  readonly #idle: (() => void)[] = [];
  readonly #owners: Owners;

  constructor(options: TrafficOptions) {
    this.#options = options;
    this.#owners = new Owners(options.tables);
  }

  /** How many connections there are, those included that are still to be let in. */
  get connections(): number {
    return this.#clients.size;
  }

  /** The same of one forward. */
  connectionsOn(forward: CarriedForward): number {
    return [...this.#clients.values()].filter((one) => one === forward).length;
  }

  /** Resolves when there is no connection. */
  idle(): Promise<void> {
    if (this.#clients.size === 0) return Promise.resolve();
    return new Promise((resolve) => this.#idle.push(resolve));
  }

  /** Takes a connection, paused. Whatever becomes of it, nothing is thrown and nothing is left open. */
  accept(forward: CarriedForward, client: Socket): void {
    this.#clients.set(client, forward);
    client.on("error", () => {});
    const connection = endsOf(client);
    // At a Unix socket the mode of its file has decided already.
    if (forward.allow === "any-user" || typeof forward.listen === "string") {
      void this.#serve(forward, client, connection?.peer ?? NOWHERE);
    } else if (connection === undefined) this.#refuse(forward, client, "it was over at once");
    else this.#judge(forward, client, connection);
  }

  #judge(forward: CarriedForward, client: Socket, connection: Accepted): void {
    const ends = `${connection.peer.address} ${connection.peer.port} ${connection.own.address}`;
    this.#ends.set(ends, client);
    this.#owners.find(connection, (owner) => {
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
    for (const client of this.#clients.keys()) client.destroy();
  }

  async #serve(forward: CarriedForward, client: Socket, origin: Originator): Promise<void> {
    try {
      const broken =
        forward.to === undefined
          ? await this.#serveSession(forward, client)
          : await this.#join(forward, client, await this.#options.carry(forward.to, origin));
      if (broken === undefined) return;
      this.#tell(forward, `a connection to ${leadsTo(forward)} broke: ${reasonOf(broken)}`);
    } catch (error) {
      this.#tell(forward, `no connection to ${leadsTo(forward)}: ${reasonOf(error)}`);
    } finally {
      this.#leave(client);
    }
  }

  #join(forward: CarriedForward, client: Socket, far: Duplex): Promise<Error | undefined> {
    this.#told.delete(forward);
    return join(client, far);
  }

  /** A mail call of its own, but for how a failure is told. */
  async #serveSession(forward: SessionForward, client: Socket): Promise<Error | undefined> {
    const waiting = new WaitingClient(client);
    try {
      const far = await this.#options.open(forward, waiting.gone);
      const said = waiting.release();
      if (said.length > 0) far.write(said);
      return await this.#join(forward, client, far);
    } catch (error) {
      waiting.release();
      if (waiting.gone.aborted) return undefined;
      await farewell(client, unavailable(forward.method, asFailure(error)));
      throw error;
    }
  }

  /** Why a connection is not to be carried. */
  #refusal(owner: Owner): string | undefined {
    if (owner.kind === "untold") return `cannot tell which user made it: ${owner.why}`;
    if (owner.kind === "uid" && owner.uid !== this.#options.uid) return `it is uid ${owner.uid}'s`;
    return undefined;
  }

  #refuse(forward: CarriedForward, client: Socket, why: string): void {
    this.#tell(forward, `refused a connection: ${why}`);
    // Without the minute that the kernel would remember it for, in the very table that is read.
    reset(client);
    this.#leave(client);
  }

  #leave(client: Socket): void {
    client.destroy();
    this.#clients.delete(client);
    if (this.#clients.size === 0) for (const resolve of this.#idle.splice(0)) resolve();
  }

  /** One line a reason and not one a connection, until the forward works again: clients try again and again. */
  #tell(forward: CarriedForward, line: string): void {
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
