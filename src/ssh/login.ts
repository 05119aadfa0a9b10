import type { Duplex } from "node:stream";
import ssh2, { type Algorithms, type Client, type NegotiatedAlgorithms, type NextAuthHandler } from "ssh2";
import type { Failure } from "../failure.ts";
import { offer } from "./algorithms.ts";
import { Asking } from "./asking.ts";
import type { Attempt } from "./attempt.ts";
import { Authentication } from "./authentication.ts";
import { type ClientError, closed, failureOf, type Stage } from "./breakage.ts";
import type { Obstacle } from "./candidate.ts";
import { Collection } from "./candidates.ts";
import type { ConnectOptions } from "./connection.ts";
import { readHostCertificate } from "./host_certificate.ts";
import type { HostKeyCheck, Ruling, UnknownKey } from "./host_key.ts";
import { HostKeyQuestion } from "./host_key_question.ts";
import type { KeyExchanges } from "./key_exchange.ts";
import { lines } from "./lines.ts";
import { LoginFailure, loggedIn } from "./login_failure.ts";
import type { Target } from "./target.ts";
import { limitUnread } from "./unread.ts";
import { joinVersion } from "./version_line.ts";

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
  readonly #authentication: Authentication;
  /** Aborted when the login is over, in whatever way: nobody is to be asked any more. */
  readonly #over = new AbortController();
  readonly #client: Client = new ssh2.Client();
  readonly #question: HostKeyQuestion | undefined;
  #refusal: Failure | undefined;
  #unrecorded: UnknownKey | undefined;
  #stage: Stage = "version";
  #preamble = "";
  #fail: (reason: unknown) => void = () => {};

  constructor(
    target: Target,
    socket: Duplex,
    check: HostKeyCheck,
    options: ConnectOptions,
    exchanges: KeyExchanges,
  ) {
    this.#target = target;
    this.#socket = socket;
    this.#check = check;
    this.#exchanges = exchanges;
    this.#options = options;
    const { progress, signal } = options;
    const person = options.interactive ? options.person : undefined;
    const { user, host, passwordPrompts } = target;
    const fail = (reason: unknown) => this.#fail(reason);
    const asking =
      person &&
      new Asking({
        ...{ person, signal: this.#over.signal, onEnd: fail },
        ...{ account: `${user.value}@${host.value}`, tries: passwordPrompts.value },
      });
    const waiting = (what: string) => progress.begin("auth", what || this.#loggingIn());
    const enter = async (ids: readonly string[]) => options.memory?.enter(ids, this.#over.signal);
    const keys = new Collection(target, { signal, waiting, asking });
    this.#authentication = new Authentication(target, { keys, asking, enter, fail });
    this.#question = HostKeyQuestion.of(target, options.person);
  }

  get attempts(): readonly Attempt[] {
    return this.#authentication.attempts;
  }

  get obstacles(): readonly Obstacle[] {
    return this.#authentication.obstacles;
  }

  /** What was wrong with a host key; later than the login it is a key that has changed in the same connection. */
  get refusal(): string | undefined {
    return this.#refusal?.what;
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
    client.once("handshake", (negotiated) => this.#recognised(negotiated));
    client.once("ready", () => {
      this.#stage = "open";
      progress.done("auth", loggedIn(this.#authentication));
      succeed();
    });
    client.connect({
      sock: this.#socket,
      username: user.value,
      algorithms: offer(this.#target, this.#check.known) as Algorithms,
      keyExchanges: this.#exchanges,
      certifiedKey: (certificate) => readHostCertificate(certificate)?.key,
      hostVerifier: (key: Buffer, answer: (trusted: boolean) => void) => this.#verify(key, answer),
      authHandler: (methods, _partial, next) => void this.#nextMethod(methods, next),
      readyTimeout: 0,
      keepaliveInterval: 0,
    });
    this.#authentication.follow(client);
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
    limitUnread(this.#socket, () => this.#stage === "open");
    joinVersion(this.#socket);
  }

  /**
   * ssh2 takes everything but a plain `false` for a yes, and undefined for an answer to come. It asks again
   * whenever the keys are renewed, and breaks the connection then unless it is answered at once: a person is
   * asked about the first key only, which the check sees to.
   */
  #verify(key: Buffer, answer: (trusted: boolean) => void): boolean | undefined {
    try {
      return this.#heed(this.#check.rule(key), answer);
    } catch (error) {
      this.#fail(error);
      return false;
    }
  }

  #heed(ruling: Ruling, answer: (trusted: boolean) => void): boolean | undefined {
    if (ruling.kind === "trusted") return true;
    if (this.#stage !== "open") {
      this.#options.progress.begin("hostkey", `checking the host key of ${this.#target.server}`);
    }
    if (ruling.kind === "unknown" && this.#question !== undefined) {
      const asked = this.#ask(this.#question, ruling.unknown);
      asked.then(answer).catch((error) => this.#fail(error));
      return undefined;
    }
    this.#refusal = ruling.failure;
    this.#fail(ruling.failure);
    return false;
  }

  async #ask(question: HostKeyQuestion, unknown: UnknownKey): Promise<boolean> {
    const { progress, signal } = this.#options;
    try {
      progress.begin("hostkey", `waiting for an answer about the host key of ${this.#target.server}`);
      await question.ask(unknown, AbortSignal.any([signal, this.#over.signal]));
    } catch (error) {
      this.#fail(error);
      return false;
    }
    // The server may be gone by now.
    if (this.#over.signal.aborted) return false;
    this.#check.accept();
    this.#unrecorded = unknown;
    return true;
  }

  /** Only now has the server proven that the key is its own. */
  #recognised({ kex, cs }: NegotiatedAlgorithms): void {
    const { progress } = this.#options;
    this.#stage = "auth";
    progress.done("kex", [kex, cs.cipher, cs.mac].filter((name) => name !== "").join(", "));
    progress.begin("hostkey", `checking the host key of ${this.#target.server}`);
    progress.done("hostkey", this.#check.outcome);
    if (this.#unrecorded !== undefined) this.#question?.record(this.#unrecorded);
    progress.begin("auth", this.#loggingIn());
  }

  async #nextMethod(methods: readonly string[] | null, next: NextAuthHandler): Promise<void> {
    try {
      const method = await this.#authentication.next(methods);
      if (this.#over.signal.aborted) return;
      if (method === undefined) this.#fail(new LoginFailure(this.#target, this.#authentication));
      else next(method);
    } catch (error) {
      this.#fail(error);
    }
  }

  #broken(error: ClientError): void {
    // A key that could not be used; the next one is tried.
    if (error.level === "agent") return;
    const refused = this.#stage === "auth" && LOGIN_OVER.has(error.code);
    this.#fail(
      refused ? new LoginFailure(this.#target, this.#authentication, error.message) : this.#endOf(error),
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
