import type { Duplex } from "node:stream";
import ssh2, { type Algorithms, type Client, type NegotiatedAlgorithms, type NextAuthHandler } from "ssh2";
import type { Failure } from "../failure.ts";
import { offer, rsaSignatures } from "./algorithms.ts";
import { type ClientError, closed, failureOf, type Stage } from "./breakage.ts";
import { Collection, type Obstacle } from "./candidates.ts";
import type { ConnectOptions } from "./connection.ts";
import { parseCertificate } from "./host_certificate.ts";
import type { HostKeyCheck } from "./host_key.ts";
import { type Attempt, Identities } from "./identities.ts";
import type { KeyExchanges } from "./key_exchange.ts";
import { lines } from "./lines.ts";
import { LoginFailure, loggedIn } from "./login_failure.ts";
import type { Target } from "./target.ts";

/** What is kept of a server that says something else than its SSH version. */
const PREAMBLE = 1024;

/** Disconnect reasons of RFC 4253 section 11.1 with which sshd ends a login: protocol error, no more methods. */
const LOGIN_OVER: ReadonlySet<unknown> = new Set([2, 14]);

/** From a fresh connection to a user who is logged in. */
export class Login {
  readonly #target: Target;
  readonly #socket: Duplex;
  readonly #check: HostKeyCheck;
  readonly #exchanges: KeyExchanges;
  readonly #options: ConnectOptions;
  readonly #identities: Identities;
  readonly #client: Client = new ssh2.Client();
  #stage: Stage = "version";
  #preamble = "";
  #methodsTried = 0;
  #fail: (reason: unknown) => void = () => {};

  constructor(
    target: Target,
    socket: Duplex,
    check: HostKeyCheck,
    options: ConnectOptions,
    exchanges: KeyExchanges,
  ) {
    const { progress, signal } = options;
    this.#target = target;
    this.#socket = socket;
    this.#check = check;
    this.#exchanges = exchanges;
    this.#options = options;
    const waiting = (what: string) => progress.begin("auth", what || this.#loggingIn());
    this.#identities = new Identities(new Collection(target, signal, waiting));
  }

  get attempts(): readonly Attempt[] {
    return this.#identities.attempts;
  }

  get obstacles(): readonly Obstacle[] {
    return this.#identities.obstacles;
  }

  /** Throws a Failure or the signal's reason, and has destroyed the socket then. */
  async run(): Promise<Client> {
    const { signal } = this.#options;
    const abort = () => this.#fail(signal.reason);
    try {
      signal.throwIfAborted();
      // ssh2 would wait for ever for an end that has been told already.
      if (this.#socket.destroyed) throw this.#endOf(this.#socket.errored);
      await new Promise<void>((resolve, reject) => {
        this.#fail = reject;
        signal.addEventListener("abort", abort);
        this.#start(resolve);
      });
      return this.#client;
    } catch (error) {
      this.#socket.destroy();
      throw error;
    } finally {
      signal.removeEventListener("abort", abort);
      this.#identities.close();
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
    client.once("handshake", (negotiated) => this.#recognised(negotiated));
    client.once("ready", () => {
      this.#stage = "open";
      progress.done("auth", loggedIn(this.attempts));
      succeed();
    });
    client.connect({
      sock: this.#socket,
      username: user.value,
      algorithms: offer(this.#target, this.#check.known) as Algorithms,
      keyExchanges: this.#exchanges,
      certifiedKey: (certificate) => parseCertificate(certificate)?.key,
      rsaSignature: (key, taken) => this.#identities.rsaSignature(key, taken, rsaSignatures(this.#target)),
      hostVerifier: (key: Buffer) => this.#isTrusted(key),
      authHandler: (methods, _partial, next) => this.#nextMethod(methods, next),
      readyTimeout: 0,
      keepaliveInterval: 0,
    });
    this.#listen();
  }

  /** After connect(), which has paused the socket: a listener does not make it flow before ssh2 is ready. */
  #listen(): void {
    const { progress } = this.#options;
    const listener = (chunk: Buffer) => {
      progress.heard = true;
      if (this.#preamble.length < PREAMBLE) this.#preamble += chunk.toString("latin1", 0, PREAMBLE);
      if (!/^SSH-/m.test(this.#preamble)) return;
      this.#socket.off("data", listener);
      if (this.#stage !== "version") return;
      this.#stage = "kex";
      progress.begin("kex", `exchanging keys with ${this.#target.server}`);
    };
    this.#socket.on("data", listener);
  }

  /**
   * ssh2 takes everything but a plain `false` for a yes. It asks again whenever the keys are renewed, and
   * breaks the connection unless it is answered at once.
   */
  #isTrusted(key: Buffer): boolean {
    const refusal = this.#check.refuse(key);
    if (refusal === undefined) return true;
    if (this.#stage !== "open")
      this.#options.progress.begin("hostkey", `checking the host key of ${this.#target.server}`);
    this.#fail(refusal);
    return false;
  }

  /** Only now has the server proven that the key is its own. */
  #recognised({ kex, cs }: NegotiatedAlgorithms): void {
    const { progress } = this.#options;
    this.#stage = "auth";
    progress.done("kex", [kex, cs.cipher, cs.mac].filter((name) => name !== "").join(", "));
    progress.begin("hostkey", `checking the host key of ${this.#target.server}`);
    progress.done("hostkey", this.#check.outcome);
    progress.begin("auth", this.#loggingIn());
  }

  /** First the keys. Then "none", not to get in but to be told what else the server would take. */
  #nextMethod(methods: readonly string[] | null, next: NextAuthHandler): void {
    const username = this.#target.user.value;
    const count = this.#methodsTried++;
    if (count === 0) next({ type: "agent", username, agent: this.#identities });
    else if (count === 1) next({ type: "none", username });
    else this.#fail(new LoginFailure(this.#target, this.#identities, methods ?? []));
  }

  #broken(error: ClientError): void {
    // A key that could not be used; the next one is tried.
    if (error.level === "agent") return;
    const refused = this.#stage === "auth" && LOGIN_OVER.has(error.code);
    this.#fail(
      refused ? new LoginFailure(this.#target, this.#identities, [], error.message) : this.#endOf(error),
    );
  }

  #endOf(error: Error | null): Failure {
    return error === null
      ? closed(this.#stage, this.#target, this.#preamble)
      : failureOf(error, this.#stage, this.#target, this.#preamble);
  }

  #banner(text: string): void {
    const { note, banner } = this.#options;
    for (const line of lines(text)) (banner ?? note)(line);
  }

  #loggingIn(): string {
    return `logging in to ${this.#target.server} as ${this.#target.user.value}`;
  }
}
