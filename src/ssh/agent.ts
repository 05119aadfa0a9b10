import { connect, type Socket } from "node:net";
import { fieldsOf, typeOf, wire } from "./key_blob.ts";

/** A key that an agent holds. */
export interface AgentKey {
  readonly blob: Buffer;
  readonly type: string;
  readonly comment: string;
}

/** The agent could not be asked; `message` says why, in words that go after "the agent ". */
export class AgentError extends Error {
  /** What the user can do about it. */
  readonly hint: string | undefined;

  constructor(message: string, hint?: string, cause?: unknown) {
    super(message, { cause });
    this.name = "AgentError";
    this.hint = hint;
  }
}

// Message numbers and flags of the agent's protocol, RFC 9987 sections 5 and 6 and draft-miller-ssh-agent.
const FAILURE = 5;
const REQUEST_IDENTITIES = 11;
const IDENTITIES_ANSWER = 12;
const SIGN_REQUEST = 13;
const SIGN_RESPONSE = 14;
const RSA_FLAGS: Readonly<Record<string, number>> = { "rsa-sha2-256": 2, "rsa-sha2-512": 4 };

/** Agents send no more; whatever claims to be longer is none. */
const LONGEST = 256 * 1024;

/** A connection to an ssh-agent. One request at a time. Call close() at the end. */
export class Agent {
  readonly #path: string;
  readonly #socket: Socket;
  #received = Buffer.alloc(0);
  #settle: { resolve(answer: Buffer): void; reject(error: AgentError): void } | undefined;
  #over: AgentError | undefined;

  /** `path` is the agent's socket. What is asked of an agent that does not answer hangs until close(). */
  constructor(path: string) {
    this.#path = path;
    this.#socket = connect({ path });
    this.#socket.on("data", (chunk: Buffer) => this.#take(chunk));
    this.#socket.on("error", (error: NodeJS.ErrnoException) => this.#end(troubleOf(this.#path, error)));
    this.#socket.on("close", () => this.#end(new AgentError(`at ${this.#path} hung up`)));
  }

  /** The keys it holds, in its order. Throws an AgentError. */
  async list(): Promise<readonly AgentKey[]> {
    const answer = await this.#ask(Buffer.from([REQUEST_IDENTITIES]));
    if (answer[0] === FAILURE) throw new AgentError("refused to list its keys");
    if (answer[0] !== IDENTITIES_ANSWER || answer.length < 5) throw this.#nonsense();
    const count = answer.readUInt32BE(1);
    const fields = fieldsOf(answer.subarray(5));
    if (fields?.length !== count * 2) throw this.#nonsense();
    return Array.from({ length: count }, (_, index) => {
      const blob = Buffer.from(fields[index * 2] ?? []);
      return { blob, type: typeOf(blob), comment: String(fields[index * 2 + 1] ?? "") };
    });
  }

  /**
   * Signs `data`; `algorithm` is the signature's ("rsa-sha2-512"). Gives the bare signature, without its
   * type. Throws an AgentError, also when it refuses or signs otherwise.
   */
  async sign(blob: Buffer, data: Buffer, algorithm: string): Promise<Buffer> {
    const flags = Buffer.alloc(4);
    flags.writeUInt32BE(RSA_FLAGS[algorithm] ?? 0);
    const answer = await this.#ask(Buffer.concat([Buffer.from([SIGN_REQUEST]), wire(blob, data), flags]));
    if (answer[0] === FAILURE) throw new AgentError("refused to sign");
    const [signature] = fieldsOf(answer.subarray(1)) ?? [];
    const [made, bare] = (signature && fieldsOf(signature)) ?? [];
    if (answer[0] !== SIGN_RESPONSE || made === undefined || bare === undefined) throw this.#nonsense();
    // An old agent does not know the flags and signs with SHA-1.
    if (String(made) !== algorithm) throw new AgentError(`signed with ${made}, not ${algorithm}`);
    return Buffer.from(bare);
  }

  close(): void {
    this.#end(new AgentError("was not needed any more"));
  }

  #ask(message: Buffer): Promise<Buffer> {
    return new Promise((resolve, reject) => {
      if (this.#over !== undefined) return reject(this.#over);
      this.#settle = { resolve, reject };
      this.#socket.write(wire(message));
    });
  }

  #take(chunk: Buffer): void {
    this.#received = Buffer.concat([this.#received, chunk]);
    if (this.#received.length < 4) return;
    const length = this.#received.readUInt32BE();
    if (length > LONGEST || length === 0) this.#end(this.#nonsense());
    if (this.#received.length < 4 + length) return;
    const answer = this.#received.subarray(4, 4 + length);
    this.#received = this.#received.subarray(4 + length);
    const settle = this.#settle;
    this.#settle = undefined;
    settle?.resolve(answer);
  }

  #end(reason: AgentError): void {
    this.#over ??= reason;
    this.#socket.destroy();
    const settle = this.#settle;
    this.#settle = undefined;
    settle?.reject(this.#over);
  }

  #nonsense(): AgentError {
    return new AgentError(`at ${this.#path} does not speak the agent's protocol`);
  }
}

function troubleOf(path: string, error: NodeJS.ErrnoException): AgentError {
  switch (error.code) {
    case "ENOENT":
      return new AgentError(
        `is gone: there is no ${path}`,
        "start an agent, and the mail client after it",
        error,
      );
    case "ECONNREFUSED":
      return new AgentError(`at ${path} is dead`, "start an agent, and the mail client after it", error);
    default:
      return new AgentError(`at ${path} cannot be reached (${error.code})`, undefined, error);
  }
}
