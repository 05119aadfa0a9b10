import ssh2, {
  type IdentityCallback,
  type ParsedKey,
  type SignCallback,
  type SigningRequestOptions,
} from "ssh2";
import { fieldsOf, wire } from "../keys/blob.ts";
import { plainType } from "../keys/type.ts";
import type { Offer } from "../ssh2/taps.ts";
import type { Candidate } from "./candidate.ts";

/** How a key fared. `offered`: no more than that is known. `signed`: it was proven. Otherwise why it could not be. */
export type Outcome = "offered" | "signed" | { readonly failed: string };

/**
 * One key as the agent that ssh2 is given: it asks whether the server takes the key, and has it sign if so. Where ssh2
 * is tapped it sends `offer`, in place of a key that it can read and this one may not be.
 */
export class KeyOffer extends ssh2.BaseAgent<ParsedKey> {
  readonly candidate: Candidate;
  readonly offer: Offer;
  outcome: Outcome = "offered";
  readonly #key: ParsedKey;
  readonly #algorithms: readonly string[];
  readonly #isTapped: boolean;
  #isOver = false;

  private constructor(
    candidate: Candidate,
    algorithms: readonly string[],
    key: ParsedKey,
    isTapped: boolean,
    boundTo: Buffer | undefined,
  ) {
    super();
    this.candidate = candidate;
    this.offer = { algorithm: algorithms[0] ?? candidate.type, blob: candidate.blob, boundTo };
    this.#algorithms = algorithms;
    this.#key = key;
    this.#isTapped = isTapped;
  }

  /**
   * Undefined for a key that an ssh2 which is not tapped cannot offer. `algorithms`: best first. `boundTo`: the host key,
   * where the server takes a proof that names it.
   */
  static of(
    candidate: Candidate,
    algorithms: readonly string[],
    isTapped: boolean,
    boundTo?: Buffer,
  ): KeyOffer | undefined {
    const { type, blob } = candidate;
    const key = parsedKey(isTapped ? wire("ssh-ed25519", Buffer.alloc(32)) : blob);
    if (key === undefined || (!isTapped && key.type !== type)) return undefined;
    return new KeyOffer(candidate, algorithms, key, isTapped, candidate.isBound ? boundTo : undefined);
  }

  /** From now on ssh2 is told nothing any more: it would write to a connection that is gone. */
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
      this.outcome = failedWith(error);
      return undefined;
    }
  }

  getIdentities(callback: IdentityCallback<ParsedKey>): void {
    callback(null, [this.#key]);
  }

  sign(key: ParsedKey, data: Buffer, options: SigningRequestOptions, callback?: SignCallback): void;
  sign(key: ParsedKey, data: Buffer, callback: SignCallback): void;
  /** An error makes ssh2 go on with the next key. */
  sign(
    _key: ParsedKey,
    data: Buffer,
    options: SigningRequestOptions | SignCallback,
    callback: SignCallback = () => {},
  ): void {
    const answer = typeof options === "function" ? options : callback;
    const hash = typeof options === "function" ? undefined : options.hash;
    this.#prove(data, hash).then(
      (signature) => {
        this.outcome = "signed";
        if (!this.#isOver) answer(null, signature);
      },
      (error: unknown) => {
        const outcome = failedWith(error);
        this.outcome = outcome;
        if (!this.#isOver) answer(new Error(outcome.failed));
      },
    );
  }

  async #prove(data: Buffer, hash: string | undefined): Promise<Buffer> {
    const { candidate, offer } = this;
    if (this.#isTapped) return candidate.sign(data, offer.algorithm);
    // By itself ssh2 chooses the hash, and falls back to SHA-1; and it adds the type to the signature.
    const isRsa = plainType(candidate.type) === "ssh-rsa";
    const algorithm = isRsa ? `rsa-sha2-${hash?.replace("sha", "")}` : offer.algorithm;
    if (!this.#algorithms.includes(algorithm))
      throw new Error("the server takes no signature that is allowed here");
    const [, bare] = fieldsOf(await candidate.sign(data, algorithm)) ?? [];
    if (bare === undefined) throw new Error("no signature");
    return bare;
  }
}

function failedWith(error: unknown): { readonly failed: string } {
  return { failed: error instanceof Error ? error.message : String(error) };
}

/** Undefined for what is no key: an agent may answer with anything, and ssh2 gives an error or throws one. */
function parsedKey(blob: Buffer): ParsedKey | undefined {
  try {
    const key = ssh2.utils.parseKey(blob);
    return key instanceof Error ? undefined : key;
  } catch {
    return undefined;
  }
}
