import ssh2, {
  type IdentityCallback,
  type ParsedKey,
  type SignCallback,
  type SigningRequestOptions,
} from "ssh2";
import type { Candidate, Collection, Obstacle } from "./candidates.ts";
import { fingerprint } from "./key_blob.ts";

/** A key that was offered to the server. */
export interface Attempt {
  /** The file it is in or belongs to, else the agent's comment. */
  readonly name: string;
  readonly type: string;
  readonly fingerprint: string;
  readonly source: "agent" | "file";
  /** `offered`: no more than that is known. `signed`: it was proven. Otherwise why it could not be. */
  readonly outcome: "offered" | "signed" | { readonly failed: string };
}

const ONLY_SHA1 = "the server takes RSA signatures only with SHA-1";

/** The user's keys as the one agent that ssh2 is given. Nothing is ever signed with SHA-1. */
export class Identities extends ssh2.BaseAgent<ParsedKey> {
  readonly #collection: Collection;
  #candidates: readonly Candidate[] = [];
  #closed = false;
  readonly #outcomes = new Map<Candidate, Attempt["outcome"]>();

  constructor(collection: Collection) {
    super();
    this.#collection = collection;
  }

  /** The keys that were offered, in order; all of them, where the server broke off in the middle. */
  get attempts(): readonly Attempt[] {
    return this.#candidates.map((one) => ({
      name: one.name,
      type: one.type,
      fingerprint: fingerprint(one.blob),
      source: one.source,
      outcome: this.#outcomes.get(one) ?? "offered",
    }));
  }

  /** Why there are no more of them. */
  get obstacles(): readonly Obstacle[] {
    return this.#collection.obstacles;
  }

  /** From now on ssh2 is told nothing any more: it would write to a connection that is gone. */
  close(): void {
    this.#closed = true;
    this.#collection.close();
  }

  /** Answers with keys, if only with none; an error is a bug, and leads to a login without any. */
  getIdentities(callback: IdentityCallback<ParsedKey>): void {
    this.#collection.collect().then(
      (candidates) => {
        const parsed = candidates.map((one) => ({ one, key: ssh2.utils.parseKey(one.blob) }));
        const usable = parsed.filter((pair) => !(pair.key instanceof Error));
        this.#candidates = usable.map(({ one }) => one);
        const keys = usable.map(({ key }) => key as ParsedKey);
        if (!this.#closed) callback(null, keys);
      },
      (error: unknown) => {
        if (!this.#closed) callback(error instanceof Error ? error : new Error(String(error)));
      },
    );
  }

  /**
   * The first of the `wanted` signature algorithms that the server has said it takes, for an RSA key. Undefined passes
   * the key over. A server that says nothing takes SHA-1 alone (RFC 8332 section 3.3).
   */
  rsaSignature(key: ParsedKey, taken: readonly string[], wanted: readonly string[]): string | undefined {
    const name = wanted.find((one) => taken.includes(one));
    if (name !== undefined) return name;
    const blob = key.getPublicSSH();
    const candidate = this.#candidates.find((one) => one.blob.equals(blob));
    const modern = taken.some((one) => one.startsWith("rsa-sha2-"));
    const failed = modern ? "PubkeyAcceptedAlgorithms allows none of its signatures there" : ONLY_SHA1;
    if (candidate !== undefined) this.#outcomes.set(candidate, { failed });
    return undefined;
  }

  sign(key: ParsedKey, data: Buffer, options: SigningRequestOptions, callback?: SignCallback): void;
  sign(key: ParsedKey, data: Buffer, callback: SignCallback): void;
  /** An error makes ssh2 go on with the next key. */
  sign(
    key: ParsedKey,
    data: Buffer,
    options: SigningRequestOptions | SignCallback,
    callback: SignCallback = () => {},
  ): void {
    const blob = key.getPublicSSH();
    const candidate = this.#candidates.find((one) => one.blob.equals(blob));
    const hash = typeof options === "function" ? undefined : options.hash;
    const answer = typeof options === "function" ? options : callback;
    prove(candidate, data, hash).then(
      (signature) => {
        if (candidate !== undefined) this.#outcomes.set(candidate, "signed");
        if (!this.#closed) answer(null, signature);
      },
      (error: unknown) => {
        const failed = error instanceof Error ? error.message : String(error);
        if (candidate !== undefined) this.#outcomes.set(candidate, { failed });
        if (!this.#closed) answer(new Error(failed));
      },
    );
  }
}

async function prove(
  candidate: Candidate | undefined,
  data: Buffer,
  hash: string | undefined,
): Promise<Buffer> {
  if (candidate === undefined) throw new Error("no such key");
  const { type, sign } = candidate;
  if (type !== "ssh-rsa") return sign(data, type);
  if (hash === "sha256" || hash === "sha512") return sign(data, `rsa-sha2-${hash.slice(3)}`);
  // ssh2 falls back to SHA-1 for a server that does not say which signatures it takes.
  throw new Error(ONLY_SHA1);
}
