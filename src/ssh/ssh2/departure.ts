import type { Client, ClientChannel } from "ssh2";
import { directionsOf, type Protocol } from "./patched.ts";
import { type Offer, type Proof, prove, toSign } from "./public_key_request.ts";

/** A command, and who is told of the session that was opened for it, or that there is none; `isSent`: the command is there. */
export interface EarlyCommand {
  readonly line: string;
  readonly done: (error: Error | undefined, channel: ClientChannel, isSent: boolean) => void;
}

/** What the server calls its first channel: counted from 0 in sshd and dropbear. */
const FIRST_CHANNEL = 0;

/** The ways in which a login can begin. */
export class Departure {
  readonly #client: Client;
  readonly #protocol: Protocol;

  constructor(client: Client, protocol: Protocol) {
    this.#client = client;
    this.#protocol = protocol;
  }

  /** What is signed to prove a key. */
  toSign(user: string, offer: Offer): Buffer {
    return toSign(this.#protocol, user, offer);
  }

  /** Asks for the service of RFC 4252, and does no more before the answer. */
  plainly(): void {
    this.#protocol.service("ssh-userauth");
  }

  /**
   * Sends all at once that would be sent one after the other's answer: service, proof and, with a command, session and
   * command, this one to the channel that servers call 0. When ssh2 then asks for a method it is to be given one that
   * sends nothing.
   */
  early(proof: Proof, command: EarlyCommand | undefined): void {
    this.plainly();
    prove(this.#protocol, proof);
    if (command === undefined) return;
    const { line, done } = command;
    this.#client.session((error, channel) => {
      done(error, channel, error === undefined && directionsOf(channel).outgoing.id === FIRST_CHANNEL);
    });
    this.#protocol.exec(FIRST_CHANNEL, line, true);
  }
}
