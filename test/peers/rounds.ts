import { connect, type Socket } from "node:net";
import { type Listener, listen } from "./tcp.ts";

/** A TCP proxy that counts round trips. */
export interface RoundProxy extends AsyncDisposable {
  readonly host: string;
  readonly port: number;
  readonly connections: number;
  /** Round trips of the newest connection so far: those that its last bytes from the server have waited for. */
  readonly rounds: number;
  /** What a client sends in later rounds than this is held back until it is raised. Default: nothing is. */
  most: number;
}

/**
 * Starts one. What a client sends is one round later than what it had been sent by then, and what a server sends
 * belongs to the newest round that it had been sent: so the count is of waits, whatever time they take, however many
 * pieces they come in.
 */
export async function startRoundProxy(to: {
  readonly host: string;
  readonly port: number;
}): Promise<RoundProxy> {
  let newest = { toServer: 0, toClient: 0 };
  let most = Number.POSITIVE_INFINITY;
  const held: (() => void)[] = [];
  const listener: Listener = await listen((client) => {
    // The last packet of TCP's own handshake, which the server answers if it speaks first.
    const seen = { toServer: 1, toClient: 0 };
    newest = seen;
    const server = connect({ ...to, allowHalfOpen: true, noDelay: true });
    pass(client, server, new WholeTurns(false), (send) => {
      const round = Math.max(seen.toServer, seen.toClient + 1);
      if (held.length > 0 || round > most) return void held.push(send);
      seen.toServer = round;
      send();
    });
    pass(server, client, new WholeTurns(true), (send) => {
      seen.toClient = Math.max(seen.toClient, seen.toServer);
      send();
    });
  });
  return {
    host: listener.host,
    port: listener.port,
    get connections() {
      return listener.connections;
    },
    get rounds() {
      return newest.toClient;
    },
    get most() {
      return most;
    },
    set most(rounds) {
      most = rounds;
      for (const send of held.splice(0)) send();
    },
    [Symbol.asyncDispose]: () => listener[Symbol.asyncDispose](),
  };
}

function pass(from: Socket, to: Socket, turns: WholeTurns, turn: (send: () => void) => void): void {
  const send = (bytes: Buffer) => {
    if (bytes.length === 0) return;
    turn(() => {
      if (to.writable) to.write(bytes);
    });
  };
  from.on("data", (piece: Buffer) => send(turns.take(piece)));
  from.on("end", () => {
    send(turns.rest());
    to.end();
  });
  from.on("error", () => to.destroy());
  from.on("close", () => to.destroy());
}

/** Message numbers of RFC 4253 section 12. */
const KEXINIT = 20;
const NEWKEYS = 21;

/**
 * What a server says while keys are exchanged, held until it waits for the client: it says its version and its
 * KEXINIT, and its reply and NEWKEYS, without a wait between, but in pieces. RFC 4253 section 6 has the packets.
 */
class WholeTurns {
  #isHeld: boolean;
  #held = Buffer.alloc(0);
  #start = -1;

  constructor(isHeld: boolean) {
    this.#isHeld = isHeld;
  }

  take(piece: Buffer): Buffer {
    this.#held = Buffer.concat([this.#held, piece]);
    return this.#isHeld && !this.#isTurnOver() ? Buffer.alloc(0) : this.rest();
  }

  rest(): Buffer {
    const held = this.#held;
    this.#held = Buffer.alloc(0);
    return held;
  }

  #isTurnOver(): boolean {
    const held = this.#held;
    if (this.#start < 0) this.#start = held.indexOf("\n") + 1 || -1;
    if (this.#start < 0) return false;
    for (let at = this.#start; at + 6 <= held.length; ) {
      const type = held.readUInt8(at + 5);
      at += 4 + held.readUInt32BE(at);
      if (at > held.length) return false;
      if (type === NEWKEYS) this.#isHeld = false;
      if (type === NEWKEYS || (type === KEXINIT && at === held.length)) {
        this.#start = 0;
        return true;
      }
    }
    return false;
  }
}
