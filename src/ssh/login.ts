import type { Duplex } from "node:stream";
import type { Algorithms, Client, NegotiatedAlgorithms, NextAuthHandler } from "ssh2";
import { onAbort } from "../abort.ts";
import type { Failure } from "../failure.ts";
import { lines } from "../report/lines.ts";
import type { Target } from "../target/target.ts";
import type { ConnectOptions } from "./connection.ts";
import { proposal } from "./exchange/algorithms.ts";
import type { KeyExchanges } from "./exchange/exchange.ts";
import { Authentication } from "./login/authentication.ts";
import type { Obstacle } from "./login/candidate.ts";
import type { EarlyLogin } from "./login/early_login.ts";
import { KeyCollection } from "./login/key_collection.ts";
import { LoginFailure, loggedIn } from "./login/login_failure.ts";
import { Questions } from "./login/questions.ts";
import type { TriedKey } from "./login/tried_key.ts";
import { loggingIn, waitingIn } from "./login/waiting.ts";
import { MANNERS } from "./purpose.ts";
import { limitUnread } from "./ssh2/backlog.ts";
import { Lifeline } from "./ssh2/connection_end.ts";
import { type ClientError, closed, failureOf, type Stage } from "./ssh2/connection_failure.ts";
import { Departure } from "./ssh2/departure.ts";
import { BOUNDS, RECEIVE_WINDOW } from "./ssh2/numbers.ts";
import { packetCiphers } from "./ssh2/packet_ciphers.ts";
import { DEPARTED, giveMethod, newClient } from "./ssh2/patched.ts";
import { Preamble } from "./ssh2/preamble.ts";
import { Rekeys } from "./ssh2/rekeys.ts";
import { readHostCertificate } from "./trust/host_certificate.ts";
import type { HostKeyCheck } from "./trust/host_key.ts";
import { ShownHostKeys } from "./trust/shown_host_keys.ts";

/** Disconnect reasons of RFC 4253 section 11.1 with which sshd ends a login: protocol error, no more methods. */
const LOGIN_OVER: ReadonlySet<unknown> = new Set([2, 14]);

/** What was got ready while the connection was made. */
export interface Preparations {
  readonly exchanges?: KeyExchanges | undefined;
  /** The user's keys; they are looked for by the login itself where there are none. */
  readonly keys?: KeyCollection | undefined;
  readonly early?: EarlyLogin | undefined;
}

/** From a fresh connection to a user who is logged in. */
export class Login {
  readonly #target: Target;
  readonly #socket: Duplex;
  readonly #check: HostKeyCheck;
  readonly #exchanges: KeyExchanges;
  readonly #options: ConnectOptions;
  readonly #authentication: Authentication;
  /** Aborted when the login is over, in whatever way: nobody is to be asked any more. */
  readonly #over = new AbortController();
  readonly #client: Client = newClient();
  readonly #rekeys = new Rekeys();
  readonly #shownHostKeys: ShownHostKeys;
  readonly #keys: KeyCollection;
  readonly #preamble = new Preamble();
  readonly early: EarlyLogin | undefined;
  /** Of the connection, also when the login is over. */
  readonly lifeline: Lifeline;
  #version: string | undefined;
  #stage: Stage = "version";
  #isCompressed = false;
  #fail: (reason: unknown) => void = () => {};

  constructor(
    target: Target,
    socket: Duplex,
    check: HostKeyCheck,
    options: ConnectOptions,
    { exchanges = {}, keys, early }: Preparations = {},
  ) {
    this.#target = target;
    this.#socket = socket;
    this.#check = check;
    this.#exchanges = exchanges;
    this.#options = options;
    this.early = early;
    const person = MANNERS[options.purpose].isInteractive ? options.person : undefined;
    const fail = (reason: unknown) => this.#fail(reason);
    const asking = Questions.of(person, target, { signal: this.#over.signal, onEnd: fail });
    const enter = async (ids: readonly string[]) => options.memory?.refused.enter(ids, this.#over.signal);
    this.#keys =
      keys ?? new KeyCollection(target, { ...options, waiting: waitingIn(options, target), asking });
    this.#authentication = new Authentication(target, {
      ...{ keys: this.#keys, asking, enter, fail, early },
      brokenOff: () => options.memory?.patience.recall(),
    });
    this.#shownHostKeys = new ShownHostKeys(target, check, { ...options, over: this.#over.signal, fail });
    this.lifeline = new Lifeline(this.#client, socket, () => this.refusal);
  }

  get attempts(): readonly TriedKey[] {
    return this.#authentication.attempts;
  }

  get obstacles(): readonly Obstacle[] {
    return this.#authentication.obstacles;
  }

  /** What was wrong with a host key; later than the login it is a key that has changed in the same connection. */
  get refusal(): string | undefined {
    return this.#shownHostKeys.refusal;
  }

  /** The server's version line; empty as long as none has come. */
  get version(): string {
    return this.#version ?? "";
  }

  /** Throws a Failure or the signal's reason, and has destroyed the socket then. */
  async run(): Promise<Client> {
    const { signal } = this.#options;
    const stop = onAbort(signal, () => this.#fail(signal.reason));
    try {
      signal.throwIfAborted();
      // ssh2 would wait for ever for an end that has been told already.
      if (this.#socket.destroyed) throw this.#endOf(this.#socket.errored);
      await new Promise<void>((resolve, reject) => {
        this.#fail = reject;
        this.#start(resolve);
      });
      return this.#client;
    } catch (error) {
      this.#socket.destroy();
      throw error;
    } finally {
      stop();
      this.#authentication.close();
      this.#over.abort(new Error("the login is over"));
    }
  }

  #start(succeed: () => void): void {
    const { progress } = this.#options;
    const { server, user } = this.#target;
    const client = this.#client;
    progress.begin("kex", `waiting for the SSH server of ${server}`);
    // Stays for good: a client without it would end the process.
    client.on("error", (error: ClientError) => this.#broken(error));
    client.on("close", () => this.#fail(this.#endOf(null)));
    client.on("greeting", (text) => this.#banner(text));
    client.on("banner", (text) => this.#banner(text));
    client.on("version", (line) => {
      this.#version = line.toString("latin1");
      this.#stage = "kex";
      progress.begin("kex", `exchanging keys with ${server}`);
    });
    client.once("handshake", (negotiated) => this.#recognised(negotiated));
    client.once("ready", () => {
      this.#stage = "open";
      this.#shownHostKeys.loggedIn();
      progress.done("auth", loggedIn(this.#authentication.attempts, this.#authentication.lastMethod));
      this.early?.remember(this.#authentication.plainLogin);
      succeed();
    });
    this.#authentication.follow(client);
    client.connect({
      sock: this.#socket,
      username: user.value,
      algorithms: proposal(this.#target, this.#check.known) as Algorithms,
      keyExchanges: this.#exchanges,
      ciphers: packetCiphers,
      certifiedKey: (certificate) => readHostCertificate(certificate)?.key,
      hostVerifier: (key: Buffer, answer: (trusted: boolean) => void) =>
        this.#shownHostKeys.verify(key, answer),
      authHandler: (methods, _partial, next) => {
        // At once: the answer to what has left already may be in the same piece.
        if (this.early?.takeTurn()) giveMethod(next, DEPARTED);
        else void this.#nextMethod(methods, next);
      },
      readyTimeout: 0,
      keepaliveInterval: 0,
      receiveWindow: RECEIVE_WINDOW,
      bounds: BOUNDS,
      mayRekey: () => this.#rekeys.mayBegin(performance.now()),
      startLogin: (protocol) => {
        this.#authentication.begin({ ...protocol.firstExchange, voucher: this.#check.voucher });
        this.#depart(new Departure(client, protocol));
      },
    });
    this.#listen();
  }

  /** After connect(), which has paused the socket: a listener does not make it flow before ssh2 is ready. */
  #listen(): void {
    const { progress } = this.#options;
    const onBytes = () => {
      progress.heard = true;
    };
    this.#preamble.listen(this.#socket, onBytes, () => this.#stage !== "version");
    this.#socket.on("data", ({ length }: Buffer) => this.#rekeys.heard(length));
    limitUnread(this.#socket, () => this.#stage === "open");
  }

  #recognised({ kex, cs }: NegotiatedAlgorithms): void {
    const { progress } = this.#options;
    this.#stage = "auth";
    progress.done("kex", [kex, cs.cipher, cs.mac].filter((name) => name !== "").join(", "));
    this.#shownHostKeys.confirm();
    progress.begin("auth", this.#keys.waitingFor || loggingIn(this.#target));
    this.#isCompressed = cs.compress !== "none";
  }

  #depart(departure: Departure): void {
    if (this.early === undefined) {
      departure.plainly();
      return;
    }
    const course = {
      authentication: this.#authentication,
      user: this.#target.user.value,
      isCompressed: this.#isCompressed,
      ...{ lifeline: this.lifeline, version: this.#version, over: this.#over.signal },
    };
    this.early.depart(departure, course).catch((error) => this.#fail(error));
  }

  async #nextMethod(methods: readonly string[] | null, next: NextAuthHandler): Promise<void> {
    try {
      const method = await this.#authentication.next(methods);
      if (this.#over.signal.aborted) return;
      if (method === undefined) this.#fail(new LoginFailure(this.#target, this.#authentication));
      else giveMethod(next, method);
    } catch (error) {
      this.#fail(error);
    }
  }

  #broken(error: ClientError): void {
    const refused = this.#stage === "auth" && LOGIN_OVER.has(error.code);
    this.#fail(
      refused ? new LoginFailure(this.#target, this.#authentication, error.message) : this.#endOf(error),
    );
  }

  #endOf(error: Error | null): Failure {
    const heard = this.#stage === "auth" ? this.#authentication.told : this.#preamble.text;
    return error === null
      ? closed(this.#stage, this.#target, heard)
      : failureOf(error, this.#stage, this.#target, heard);
  }

  #banner(text: string): void {
    const { note, banner } = this.#options;
    for (const line of lines(text)) (banner ?? note)(line);
  }
}
