import type { Familiar, KnownLogin } from "../../state/familiar.ts";
import { type ExecReply, startedCommand } from "../channel/remote_command.ts";
import type { Lifeline } from "../ssh2/connection_end.ts";
import type { Departure } from "../ssh2/departure.ts";
import type { Proof } from "../ssh2/public_key_request.ts";
import type { KeyOffer } from "./key_offer.ts";

/** What is remembered of logins that have worked. */
export type LoginHistory = Pick<Familiar, "recall" | "remember" | "forget" | "avoid">;

/** What an early login needs. */
export interface EarlyOptions {
  readonly history: LoginHistory;
  /** The command that is sent along. */
  readonly command?: string | undefined;
}

/** A command that was sent along with the login. */
export interface EarlySession {
  readonly line: string;
  readonly answer: Promise<ExecReply>;
}

/** What has the keys: the one to offer before its turn, if there is one, until it is taken back. */
export interface EarlyKeys {
  offerEarly(known: KnownLogin): Promise<KeyOffer | undefined>;
  withdrawEarly(): void;
}

/** The connection that is logged in on. */
export interface Course {
  readonly user: string;
  readonly authentication: EarlyKeys;
  readonly lifeline: Lifeline;
  /** The server's version line; undefined when it was too far behind to be kept. */
  readonly version: string | undefined;
  readonly isCompressed: boolean;
  /** Aborted when the login is over. */
  readonly over: AbortSignal;
}

/**
 * The login on a server where one has worked before: service, proof, session and command leave in one flight, which
 * saves four round trips. All of it is what an ordinary login would send, one after the other's answer; the host key
 * has been judged before.
 */
export class EarlyLogin {
  readonly #options: EarlyOptions;
  readonly #failed: EarlyLogin | undefined;
  /** The fingerprint of the key that was tried. */
  #key: string | undefined;
  #version = "";
  #hasLeft = false;
  #isTurn = false;
  #isRefused = false;
  #session: EarlySession | undefined;

  /** `failed`: the one that this connection stands in for; then it goes the ordinary way. */
  constructor(options: EarlyOptions, failed: EarlyLogin | undefined) {
    this.#options = options;
    this.#failed = failed;
  }

  /** Whether it has been tried on this connection. */
  get hasLeft(): boolean {
    return this.#hasLeft;
  }

  get isRefused(): boolean {
    return this.#isRefused;
  }

  /** The command that is under way, unless the login was refused. */
  get session(): EarlySession | undefined {
    return this.#isRefused ? undefined : this.#session;
  }

  /** Begins a login: early where that is possible, else plainly. Throws as looking for keys does. */
  async depart(departure: Departure, course: Course): Promise<void> {
    const proof = await this.#prove(departure, course);
    if (course.over.aborted) return;
    if (proof === undefined) departure.plainly();
    else this.#leave(departure, proof, course);
  }

  async #prove(departure: Departure, course: Course): Promise<Proof | undefined> {
    const { version = "", user, authentication } = course;
    this.#version = version;
    const known = this.#failed === undefined ? this.#options.history.recall() : undefined;
    // Compression of zlib@openssh.com begins with the answer to the login: what has left by then would be misread.
    if (known === undefined || known.version !== version || course.isCompressed) return undefined;
    const one = await authentication.offerEarly(known);
    if (one === undefined) return undefined;
    const signature = await one.proveAtOnce(departure.toSign(user, one.offer));
    this.#key = known.keys.at(-1);
    if (signature !== undefined) return { user, offer: one.offer, signature };
    authentication.withdrawEarly();
    return undefined;
  }

  #leave(departure: Departure, proof: Proof, { lifeline }: Course): void {
    this.#hasLeft = true;
    this.#isTurn = true;
    const line = this.#options.command;
    if (line === undefined) departure.early(proof, undefined);
    else {
      const answer = new Promise<ExecReply>((resolve) => {
        departure.early(proof, {
          line,
          done: (error, channel, isSent) =>
            resolve(error === undefined ? startedCommand(channel, lifeline, line, isSent) : { error }),
        });
      });
      this.#session = { line, answer };
    }
  }

  /** True once, when ssh2 asks for the method that has left already. */
  takeTurn(): boolean {
    const isTurn = this.#isTurn;
    this.#isTurn = false;
    return isTurn;
  }

  /** The server does not take the key. */
  refuse(): void {
    this.#isRefused = true;
    this.#options.history.forget();
  }

  /** The server has hung up. Whether it was for the key, or for what came with it, the ordinary login will tell. */
  hangUp(): void {
    this.#options.history.forget();
  }

  /** The server lets the user in and opens no session: what had been sent to that session then ends the connection. */
  avoid(): void {
    this.#options.history.avoid(this.#version);
  }

  /** An ordinary login has worked. */
  remember(login: Omit<KnownLogin, "version"> | undefined): void {
    const { history } = this.#options;
    if (login === undefined || this.#version === "") return;
    const failed = this.#failed;
    const isToBlame = failed !== undefined && !failed.#isRefused && failed.#key === login.keys.at(-1);
    if (isToBlame) history.avoid(this.#version);
    else history.remember({ ...login, version: this.#version });
  }
}
