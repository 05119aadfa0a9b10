import { Agent, AgentError, type AgentKey } from "./agent.ts";
import { type Identity, readIdentity, signWith } from "./identity_file.ts";
import { rsaBits, typeOf } from "./key_blob.ts";
import type { Target } from "./target.ts";

/** A key that may be offered to the server. */
export interface Candidate {
  /** The file it is in or belongs to, else the agent's comment. */
  readonly name: string;
  readonly type: string;
  readonly blob: Buffer;
  readonly source: "agent" | "file";
  /** `algorithm` is the signature's: "rsa-sha2-512". Throws when it cannot be had, with words for the user. */
  readonly sign: (data: Buffer, algorithm: string) => Promise<Buffer>;
}

/** A reason why a key or the agent could not be used, in words, and what can be done about it. */
export interface Obstacle {
  readonly what: string;
  readonly hint: string | undefined;
}

/** Told what is being waited for, and with nothing when that is over. */
export type Waiting = (what: string) => void;

/** Types that can be offered: the signatures ssh2 can send. */
const SUPPORTED: ReadonlySet<string> = new Set([
  "ssh-ed25519",
  "ecdsa-sha2-nistp256",
  "ecdsa-sha2-nistp384",
  "ecdsa-sha2-nistp521",
  "ssh-rsa",
]);

/** Finds the user's keys, in the agent and in files. Never asks for a passphrase. Call close() at the end. */
export class Collection {
  readonly obstacles: Obstacle[] = [];
  readonly #target: Target;
  readonly #signal: AbortSignal;
  readonly #waiting: Waiting;
  #agent: Agent | undefined;

  constructor(target: Target, signal: AbortSignal, waiting: Waiting) {
    this.#target = target;
    this.#signal = signal;
    this.#waiting = waiting;
  }

  close(): void {
    this.#agent?.close();
  }

  /**
   * The keys in the order of ssh(1) (sshconnect2.c): those of the agent that are also identity files, the
   * agent's others, then identity files that need no passphrase. Throws only the signal's reason.
   */
  async collect(): Promise<readonly Candidate[]> {
    const { identityFiles, identitiesOnly } = this.#target;
    const files = await Promise.all(identityFiles.value.map(readIdentity));
    const held = await this.#askAgent();
    this.#signal.throwIfAborted();
    const fileOf = (key: AgentKey) => files.find((file) => "blob" in file && file.blob.equals(key.blob));
    const named = held.filter((key) => fileOf(key) !== undefined);
    const others = held.filter((key) => fileOf(key) === undefined && !identitiesOnly.value);
    const rest = files.filter((file) => !("blob" in file && held.some(({ blob }) => blob.equals(file.blob))));
    const found = [
      ...[...named, ...others].map((key) => this.#fromAgent(key, fileOf(key)?.path)),
      ...rest.map((file) => this.#fromFile(file)),
    ];
    return found.filter((one) => one !== undefined && this.#isUsable(one)) as readonly Candidate[];
  }

  async #askAgent(): Promise<readonly AgentKey[]> {
    const path = this.#target.agent.value;
    if (path === undefined) return [];
    this.#waiting(`waiting for the agent at ${path}`);
    try {
      this.#agent = new Agent(path);
      return await this.#agent.list();
    } catch (error) {
      if (!(error instanceof AgentError)) throw error;
      this.obstacles.push({ what: `the agent ${error.message}`, hint: error.hint });
      return [];
    } finally {
      this.#waiting("");
    }
  }

  #fromAgent({ blob, type, comment }: AgentKey, file: string | undefined): Candidate {
    const sign = async (data: Buffer, algorithm: string) => {
      this.#waiting("waiting for the agent to sign");
      try {
        if (this.#agent === undefined) throw new AgentError("is closed");
        return await this.#agent.sign(blob, data, algorithm);
      } catch (error) {
        throw error instanceof AgentError ? new Error(`the agent ${error.message}`, { cause: error }) : error;
      } finally {
        this.#waiting("");
      }
    };
    return { name: file ?? comment, type, blob, source: "agent", sign };
  }

  #fromFile(file: Identity): Candidate | undefined {
    const { path, kind } = file;
    switch (kind) {
      case "missing":
        // ssh(1)'s own list is mostly of files that nobody has.
        if (this.#target.identityFiles.from.kind === "table") this.#leaveOut(`${path} is missing`);
        return undefined;
      case "useless":
        this.#leaveOut(`${path} ${file.why}`);
        return undefined;
      case "public":
        this.#leaveOut(
          `${path} ${file.why}`,
          file.why === "is encrypted" ? `add the key to an agent: ssh-add ${path}` : undefined,
        );
        return undefined;
      case "private": {
        const sign = async (data: Buffer, algorithm: string) => signWith(file.key, data, algorithm);
        return { name: path, type: typeOf(file.blob), blob: file.blob, source: "file", sign };
      }
    }
  }

  #isUsable({ name, type, blob }: Candidate): boolean {
    const { allowed, smallestRsa } = this.#target;
    const algorithms = type === "ssh-rsa" ? ["rsa-sha2-256", "rsa-sha2-512"] : [type];
    const bits = rsaBits(blob) ?? Number.POSITIVE_INFINITY;
    if (!SUPPORTED.has(type)) {
      this.#leaveOut(`${name} is a key of a kind that is not supported (${type})`);
    } else if (!algorithms.some((one) => allowed.value.userKey?.includes(one) ?? true)) {
      this.#leaveOut(`${name} is not allowed by PubkeyAcceptedAlgorithms (${type})`);
    } else if (bits < smallestRsa.value) {
      this.#leaveOut(`${name} has only ${bits} bits`);
    } else {
      return true;
    }
    return false;
  }

  #leaveOut(what: string, hint?: string): void {
    this.obstacles.push({ what, hint });
  }
}
