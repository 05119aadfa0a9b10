import type { KeyObject } from "node:crypto";
import { platform } from "node:os";
import { quoted } from "../../shell_word.ts";
import { type Identity, signWith } from "../keys/identity_file.ts";
import { publicBlob } from "../keys/public_key.ts";
import { UnusableKey } from "../keys/unusable_key.ts";
import type { Obstacle } from "./candidate.ts";
import type { Questions } from "./questions.ts";

/** An identity file as a key to sign with, unlocked by a person where it must be and there is one. */
export class KeyFile {
  readonly path: string;
  readonly kind: Identity["kind"];
  /** Its public key, as far as that is known without a passphrase. */
  readonly blob: Buffer | undefined;
  /** Why it cannot be used by itself. */
  readonly obstacle: Obstacle | undefined;
  readonly #identity: Identity;
  readonly #asking: Questions | undefined;
  #unlocking: Promise<KeyObject | undefined> | undefined;

  /** `add`: the beginning of a line that adds keys to the agent. */
  constructor(identity: Identity, asking: Questions | undefined, add: string) {
    this.path = identity.path;
    this.kind = identity.kind;
    this.blob = "blob" in identity ? identity.blob : undefined;
    this.obstacle = obstacleOf(identity, asking !== undefined, add);
    this.#identity = identity;
    this.#asking = asking;
  }

  /** Gives the whole signature. Throws with words for the user, or as Person.ask() does. */
  readonly sign = async (data: Buffer, algorithm: string): Promise<Buffer> => {
    const key = await this.#key();
    if (key === undefined) throw new Error("its passphrase was not given");
    return signWith(key, data, algorithm);
  };

  /** The public key of a file that does not tell it without its passphrase; words that go after its path for no use. */
  async reveal(): Promise<Buffer | string | undefined> {
    try {
      const key = await this.#key();
      return key && publicBlob(key);
    } catch (error) {
      if (error instanceof UnusableKey) return error.message;
      throw error;
    }
  }

  async #key(): Promise<KeyObject | undefined> {
    if (this.#identity.kind === "private") return this.#identity.key;
    if (this.#identity.kind !== "encrypted") return undefined;
    // Asked for once, also where a certificate needs the same key.
    this.#unlocking ??= this.#asking?.unlockKey(this.path, this.#identity.unlock);
    return this.#unlocking;
  }
}

function obstacleOf(identity: Identity, canAsk: boolean, add: string): Obstacle | undefined {
  const { path } = identity;
  switch (identity.kind) {
    case "private":
      return undefined;
    case "encrypted": {
      const missing = canAsk ? identity.missing() : undefined;
      if (canAsk && missing === undefined) return undefined;
      const how = missing === undefined ? "" : ` with ${missing}, which this program does not have`;
      // macOS keeps the passphrase then, and its agent has the key after each start.
      const keychain = platform() === "darwin" ? "--apple-use-keychain " : "";
      return {
        what: `${path} is encrypted${how}`,
        hint: `add the key to an agent: ${add} ${keychain}${quoted(path)}`,
      };
    }
    case "missing":
      return { what: `${path} is missing`, hint: undefined };
    case "public":
    case "useless":
      return { what: `${path} ${identity.why}`, hint: identity.hint };
  }
}
