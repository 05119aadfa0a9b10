import { Agent, AgentError, type AgentKey } from "./agent.ts";
import type { Asking } from "./asking.ts";
import { type Certificate, parseCertificate } from "./certificate.ts";
import { readIdentity, readPublic } from "./identity_file.ts";
import { fingerprint, typeOf } from "./key_blob.ts";
import { KeyFile } from "./key_file.ts";
import { isSecurityKey } from "./key_type.ts";
import type { Target } from "./target.ts";
import { unusable } from "./usable.ts";

/** A key or certificate that may be offered to the server. */
export interface Candidate {
  /** The file it is in or belongs to, else the agent's comment. */
  readonly name: string;
  readonly type: string;
  readonly blob: Buffer;
  readonly source: "agent" | "file";
  readonly certificate: Certificate | undefined;
  /** `algorithm` is the request's: "rsa-sha2-512". Gives the whole signature. Throws, with words for the user. */
  readonly sign: (data: Buffer, algorithm: string) => Promise<Buffer>;
}

/** A key file that does not tell its public key before a person has given the passphrase. */
export interface Sealed {
  readonly open: () => Promise<Candidate | undefined>;
}

/** A reason why a key or the agent could not be used, in words, and what can be done about it. */
export interface Obstacle {
  readonly what: string;
  readonly hint: string | undefined;
}

/** Told what is being waited for, and with nothing when that is over. */
export type Waiting = (what: string) => void;

/** What finding and using keys needs beside the target. */
export interface CollectionOptions {
  readonly signal: AbortSignal;
  readonly waiting: Waiting;
  /** For the passphrases of key files. */
  readonly asking?: Asking | undefined;
}

/** A certificate of a file. */
interface Certified {
  readonly path: string;
  readonly certificate: Certificate;
}

/** Finds the user's keys, in the agent and in files. Call close() at the end. */
export class Collection {
  readonly obstacles: Obstacle[] = [];
  /** The agent could not be asked: that may be over at the next call. */
  hasAgentTrouble = false;
  readonly #target: Target;
  readonly #options: CollectionOptions;
  #agent: Agent | undefined;
  #ids: readonly string[] = [];
  #found: Promise<readonly (Candidate | Sealed)[]> | undefined;

  constructor(target: Target, options: CollectionOptions) {
    this.#target = target;
    this.#options = options;
  }

  /** Which keys these are, files without a known public key left out; empty until they have been found. */
  get ids(): readonly string[] {
    return this.#ids;
  }

  close(): void {
    this.#agent?.close();
  }

  /**
   * What can be offered, what is most wanted first: certificates that ssh_config names; keys and certificates of
   * identity files, those in the agent before the others; the agent's other keys. ssh(1) has the last two the other way
   * round (sshconnect2.c, pubkey_prepare), and a full agent then uses up the server's patience. Found once. Throws only
   * the signal's reason.
   */
  collect(): Promise<readonly (Candidate | Sealed)[]> {
    this.#found ??= this.#find();
    return this.#found;
  }

  async #find(): Promise<readonly (Candidate | Sealed)[]> {
    const { identityFiles, certificateFiles, identitiesOnly } = this.#target;
    const identities = await Promise.all(identityFiles.value.map(readIdentity));
    const files = identities.map((identity) => new KeyFile(identity, this.#options.asking));
    const chosen = await this.#certificates(certificateFiles.value, true);
    const beside = identityFiles.value.map((path) => `${path}-cert.pub`);
    const implied = chosen.length > 0 ? [] : await this.#certificates(beside, false);
    const held = await this.#askAgent();
    this.#options.signal.throwIfAborted();

    const holds = (blob: Buffer | undefined) =>
      blob !== undefined && held.some((key) => key.blob.equals(blob));
    const first = chosen.map((one) => this.#withCertificate(one, held, files));
    const wanted = (key: AgentKey) => files.some((file) => file.blob?.equals(key.blob));
    const isImplied = (key: AgentKey) => implied.some(({ certificate }) => certificate.blob.equals(key.blob));
    const named = held.filter((key) => wanted(key) || isImplied(key));
    const others = held.filter((key) => !named.includes(key));
    const nameOf = (key: AgentKey) =>
      files.find((file) => file.blob?.equals(key.blob))?.path ??
      implied.find(({ certificate }) => certificate.blob.equals(key.blob))?.path;
    this.#noteAgent(held, named, first.length);
    const rest = files.flatMap((file) => {
      const certified = implied.filter((one) => one.path === `${file.path}-cert.pub`);
      return [
        ...(holds(file.blob) ? [] : [this.#fromFile(file)]),
        ...certified
          .filter(({ certificate }) => !holds(certificate.blob))
          .map((one) => this.#withCertificate(one, held, files)),
      ];
    });
    const found = this.#usable([
      ...first,
      ...named.map((key) => this.#fromAgent(key, nameOf(key))),
      ...rest,
      ...(identitiesOnly.value ? [] : others.map((key) => this.#fromAgent(key, undefined))),
    ]);
    this.#ids = found.flatMap((one) => ("open" in one ? [] : [fingerprint(one.blob)]));
    return found;
  }

  async #certificates(paths: readonly string[], areNamed: boolean): Promise<readonly Certified[]> {
    const blobs = await Promise.all(paths.map(readPublic));
    return paths.flatMap((path, index) => {
      const certificate = parseCertificate(blobs[index] ?? Buffer.alloc(0));
      if (certificate !== undefined) return [{ path, certificate }];
      if (areNamed) this.#leaveOut(`${path} holds no user certificate`);
      return [];
    });
  }

  async #askAgent(): Promise<readonly AgentKey[]> {
    const { agent, agentVariable } = this.#target;
    const { signal, waiting } = this.#options;
    const path = agent.value;
    if (path === undefined) return [];
    const abort = () => this.close();
    waiting(`waiting for the agent at ${path}`);
    try {
      this.#agent = new Agent({ path, variable: agentVariable.value });
      signal.addEventListener("abort", abort);
      return await this.#agent.list();
    } catch (error) {
      if (!(error instanceof AgentError)) throw error;
      this.hasAgentTrouble = true;
      this.#leaveOut(`the agent ${error.message}`, error.hint);
      return [];
    } finally {
      signal.removeEventListener("abort", abort);
      if (!signal.aborted) waiting("");
    }
  }

  /** What would otherwise look as though there were no agent. */
  #noteAgent(held: readonly AgentKey[], named: readonly AgentKey[], chosen: number): void {
    const { agent, identitiesOnly } = this.#target;
    if (agent.value === undefined || this.hasAgentTrouble) return;
    if (held.length === 0) {
      // A locked one says that it has none (PROTOCOL.agent).
      this.#leaveOut(
        "the agent has no keys, or is locked",
        "add a key to it: ssh-add; or unlock it: ssh-add -X",
      );
    } else if (identitiesOnly.value && named.length === 0 && chosen === 0) {
      const keys = held.length === 1 ? "the agent has one key" : `the agent has ${held.length} keys`;
      this.#leaveOut(`${keys}, but none that is wanted here (IdentitiesOnly)`);
    }
  }

  #fromAgent(key: AgentKey, file: string | undefined): Candidate {
    const { blob, type, comment } = key;
    return {
      ...{ name: file ?? comment, type, blob, source: "agent", certificate: parseCertificate(blob) },
      sign: (data, algorithm) => this.#signInAgent(key, data, algorithm),
    };
  }

  async #signInAgent({ blob, type }: AgentKey, data: Buffer, algorithm: string): Promise<Buffer> {
    const { waiting } = this.#options;
    waiting(`waiting for the agent to sign${isSecurityKey(type) ? " (touch the security key)" : ""}`);
    try {
      if (this.#agent === undefined) throw new AgentError("is closed");
      return await this.#agent.sign(blob, data, algorithm);
    } catch (error) {
      throw error instanceof AgentError ? new Error(`the agent ${error.message}`, { cause: error }) : error;
    } finally {
      waiting("");
    }
  }

  #fromFile(file: KeyFile): Candidate | Sealed | undefined {
    const obstacle = file.obstacle;
    // ssh(1)'s own list is mostly of files that nobody has.
    const isExpected = file.kind !== "missing" || this.#target.identityFiles.from.kind === "table";
    if (obstacle !== undefined && isExpected) this.#leaveOut(obstacle.what, obstacle.hint);
    if (obstacle !== undefined) return undefined;
    const { path: name, blob, sign } = file;
    const candidate = (found: Buffer): Candidate => {
      return { name, type: typeOf(found), blob: found, source: "file", certificate: undefined, sign };
    };
    if (blob !== undefined) return candidate(blob);
    return {
      open: async () => {
        const opened = await file.reveal();
        return opened && this.#usable([candidate(opened)]).find((one) => "blob" in one);
      },
    };
  }

  /** A certificate with the key that signs for it, in the agent or in a file; undefined without one. */
  #withCertificate(
    { path, certificate }: Certified,
    held: readonly AgentKey[],
    files: readonly KeyFile[],
  ): Candidate | undefined {
    const { blob, type, key } = certificate;
    const common = { name: path, type, blob, certificate };
    const inAgent =
      held.find((one) => one.blob.equals(key)) ?? held.find((one) => one.blob.equals(certificate.blob));
    if (inAgent !== undefined) {
      return {
        ...{ ...common, source: "agent" },
        sign: (data, algorithm) => this.#signInAgent(inAgent, data, algorithm),
      };
    }
    const file = files.find((one) => one.blob?.equals(key));
    if (file !== undefined && file.obstacle === undefined)
      return { ...common, source: "file", sign: file.sign };
    this.#leaveOut(`${path} has its private key neither in the agent nor in a file that can be used`);
    return undefined;
  }

  #usable(found: readonly (Candidate | Sealed | undefined)[]): readonly (Candidate | Sealed)[] {
    return found.filter((one): one is Candidate | Sealed => {
      if (one === undefined || "open" in one) return one !== undefined;
      const why = unusable(one, this.#target);
      if (why !== undefined) this.#leaveOut(why);
      return why === undefined;
    });
  }

  #leaveOut(what: string, hint?: string): void {
    this.obstacles.push({ what, hint });
  }
}
