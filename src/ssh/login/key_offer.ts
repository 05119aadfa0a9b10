import type { OwnMethod, Protocol } from "../ssh2/patched.ts";
import { type Offer, prove, query, toSign } from "../ssh2/public_key_request.ts";
import type { Candidate } from "./candidate.ts";

/**
 * How a key fared. `offered`: no more than that is known. `signed`: it was proven. `accepted`: and the server wants something
 * else beside it. Otherwise why it could not be proven.
 */
export type Outcome = "offered" | "signed" | "accepted" | { readonly failed: string };

/** One key on one connection: the server is asked whether it takes the key, which signs if so. */
export class KeyOffer {
  readonly candidate: Candidate;
  readonly offer: Offer;
  outcome: Outcome = "offered";
  #isOver = false;

  /** `boundTo`: the host key, where the server takes a proof that names it. */
  constructor(candidate: Candidate, algorithm: string, boundTo: Buffer | undefined) {
    this.candidate = candidate;
    this.offer = { algorithm, blob: candidate.blob, boundTo: candidate.isBound ? boundTo : undefined };
  }

  /** From now on nothing is sent any more: the connection may be gone. */
  close(): void {
    this.#isOver = true;
  }

  /** Signs without asking whether the server takes the key; undefined when that cannot be done. */
  async proveAtOnce(data: Buffer): Promise<Buffer | undefined> {
    try {
      const signature = await this.candidate.sign(data, this.offer.algorithm);
      this.outcome = "signed";
      return signature;
    } catch (error) {
      this.outcome = { failed: error instanceof Error ? error.message : String(error) };
      return undefined;
    }
  }

  /** The method to log in with. A key that cannot sign is as good as refused. */
  asMethod(user: string): OwnMethod {
    return {
      type: "own",
      username: user,
      begin: (protocol) => query(protocol, user, this.offer),
      proceed: (protocol, next) => void this.#prove(protocol, user, next),
    };
  }

  async #prove(protocol: Protocol, user: string, next: () => void): Promise<void> {
    const signature = await this.proveAtOnce(toSign(protocol, user, this.offer));
    if (this.#isOver) return;
    if (signature === undefined) next();
    else prove(protocol, { user, offer: this.offer, signature });
  }
}
