import { connect, type Socket } from "node:net";
import { setTimeout as pause } from "node:timers/promises";
import { orAborted } from "../../abort.ts";
import { Failure } from "../../failure.ts";
import type { Progress } from "../../progress.ts";
import type { Settled } from "../../table/decision.ts";
import type { Target } from "../../target/target.ts";
import { type Address, lookUp } from "./addresses.ts";
import { errorBehind } from "./refused.ts";
import { type Route, routes } from "./source_address.ts";

/** Milliseconds before the next address is tried beside the one before it (RFC 8305 section 5). */
const STAGGER = 250;

/** Milliseconds of silence before TCP asks whether the other end still lives. */
const KEEPALIVE = 60_000;

/** Milliseconds between two of ConnectionAttempts, as ssh(1) waits. */
const BREATHER = 1000;

/** What a dial needs beside its target. */
export interface DialOptions {
  readonly signal: AbortSignal;
  readonly progress: Progress;
}

/**
 * Looks the host up and connects to it, every address if need be: the first that answers wins. Gives an
 * open socket without delay of small packets and with TCP's keepalive. Throws a Failure, or the signal's
 * reason; leaves nothing open then.
 */
export async function dial(target: Target, { signal, progress }: DialOptions): Promise<Socket> {
  const { server, host, port, tcp } = target;
  progress.begin("name", `looking up the address of ${host.value}`);
  const options = { family: target.addressFamily.value, subject: server, signal, hints: portHints(host) };
  const addresses = await lookUp(host.value, options);
  progress.done("name", addresses.map(({ address }) => address).join(", "));

  progress.begin("connect", `connecting to ${host.value} port ${port.value}`);
  const ways = await routes(addresses, tcp.value, { subject: server, signal });
  for (let attempt = 1; ; attempt++) {
    const race = new Race(ways, port.value, signal, tcp.value.keepAlive);
    const socket = await race.run();
    if (socket !== undefined) {
      progress.done("connect", `${socket.remoteAddress ?? host.value} port ${port.value}`);
      return socket;
    }
    if (attempt >= tcp.value.attempts) throw await race.failure(server);
    await pause(BREATHER, undefined, { signal }).catch(() => signal.throwIfAborted());
  }
}

/** What to write in place of HOST:PORT, which no name server knows; undefined for any other name. */
function portHints({ value, from }: Settled<string>): readonly string[] | undefined {
  const [, host, port] = /^\[?([^\]]+?)\]?:(\d{1,5})$/.exec(value) ?? [];
  if (host === undefined || port === undefined) return undefined;
  return from.kind === "ssh_config"
    ? [`write the port separately in ssh_config: HostName ${host}`, `and: Port ${port}`]
    : [`write the port separately: server = ${JSON.stringify(host)}`, `and: port = ${port}`];
}

/** An address that could not be had, and why. */
interface Miss extends Address {
  readonly code: string;
}

/** Attempts at several addresses, each begun a while after the one before it, or as soon as that has failed. */
export class Race {
  readonly #routes: readonly Route[];
  readonly #port: number;
  readonly #signal: AbortSignal;
  readonly #keepAlive: boolean;
  readonly #misses: Miss[] = [];
  readonly #running = new Set<Socket>();
  #begun = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(routes: readonly Route[], port: number, signal: AbortSignal, keepAlive = true) {
    this.#routes = routes;
    this.#port = port;
    this.#signal = signal;
    this.#keepAlive = keepAlive;
  }

  /** The winner, or undefined when every address has failed. */
  async run(): Promise<Socket | undefined> {
    this.#signal.throwIfAborted();
    const winner = new Promise<Socket | undefined>((resolve) => this.#next(resolve));
    try {
      return await orAborted(winner, this.#signal);
    } finally {
      clearTimeout(this.#timer);
      for (const socket of this.#running) socket.destroy();
    }
  }

  #next(finish: (socket: Socket | undefined) => void): void {
    clearTimeout(this.#timer);
    const target = this.#routes[this.#begun++];
    if (target === undefined) {
      if (this.#running.size === 0) finish(undefined);
      return;
    }
    const socket = connect({
      host: target.address,
      port: this.#port,
      family: target.family,
      noDelay: true,
      keepAlive: this.#keepAlive,
      keepAliveInitialDelay: KEEPALIVE,
      ...(target.from === undefined ? {} : { localAddress: target.from }),
    });
    this.#running.add(socket);
    socket.once("connect", () => {
      this.#running.delete(socket);
      finish(socket);
    });
    // Stays for good: an error of a loser, or of a winner nobody listens to yet, must not end the process.
    socket.on("error", (error: NodeJS.ErrnoException) => {
      if (!this.#running.delete(socket)) return;
      this.#misses.push({ ...target, code: error.code ?? error.message });
      this.#next(finish);
    });
    this.#timer = setTimeout(() => this.#next(finish), STAGGER);
  }

  /** To be thrown when there is no winner. */
  async failure(subject: string): Promise<Failure> {
    const misses = await Promise.all(this.#misses.map(truly));
    const codes = [...new Set(misses.map(({ code }) => code))];
    const what = codes.map((code) => {
      const where = misses.filter((miss) => miss.code === code).map(({ address }) => address);
      return `${WORDS[code] ?? `cannot connect: ${code}`} (${where.join(", ")} port ${this.#port})`;
    });
    const hints = codes.map((code) => HINTS[code]).filter((hint) => hint !== undefined);
    return new Failure("network", subject, what.join(", "), { hints: [...new Set(hints)] });
  }
}

async function truly({ address, family, code }: Miss): Promise<Miss> {
  return { address, family, code: code === "ECONNREFUSED" ? await errorBehind(address, family) : code };
}

const WORDS: Readonly<Record<string, string>> = {
  ECONNREFUSED: "connection refused",
  ECONNRESET: "connection reset",
  ETIMEDOUT: "no answer",
  EHOSTUNREACH: "no route to the host",
  ENETUNREACH: "the network is unreachable",
  EACCES: "connecting is forbidden on this machine",
  EPERM: "connecting is forbidden on this machine",
  EADDRNOTAVAIL: "this machine does not have the address to connect from",
};

const OFFLINE = "see whether this machine is online";

const HINTS: Readonly<Record<string, string>> = {
  ECONNREFUSED: "see whether sshd runs on the server and on this port, and whether this machine is online",
  EHOSTUNREACH: OFFLINE,
  ENETUNREACH: OFFLINE,
};
