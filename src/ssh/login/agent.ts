import { connect, type Socket } from "node:net";
import type { AgentVariable } from "../../target/paths.ts";
import { fieldsOf, typeOf, wire } from "../keys/blob.ts";
import { plainType } from "../keys/type.ts";
import { type Reader, readWith } from "../keys/wire.ts";
import type { Session } from "../ssh2/patched.ts";
import { type AgentPlace, freshAgent } from "./agent_hints.ts";

/** A key that an agent holds. */
export interface AgentKey {
  readonly blob: Buffer;
  readonly type: string;
  readonly comment: string;
}

/** An agent that is to be asked. */
export interface AgentAddress extends AgentPlace {
  readonly path: string;
  /** Whether somebody at a terminal is asked for what it lacks. */
  readonly isAsked?: boolean;
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

// Message numbers and flags of the agent's protocol, RFC 9987 sections 5 and 6.
const SUCCESS = 6;
const REQUEST_IDENTITIES = 11;
const IDENTITIES_ANSWER = 12;
const SIGN_REQUEST = 13;
const SIGN_RESPONSE = 14;
const EXTENSION = 27;
/** Of the protocol, of an extension (28), and of two older protocols (authfd.c, agent_failed()). */
const FAILURES: ReadonlySet<unknown> = new Set([5, 28, 30, 102]);
const RSA_FLAGS: Readonly<Record<string, number>> = { "rsa-sha2-256": 2, "rsa-sha2-512": 4 };

/** Agents send no more; whatever claims to be longer is none. */
const LONGEST = 256 * 1024;

/** Nor more keys than these (MAX_AGENT_IDENTITIES of authfd.c). */
const MOST_KEYS = 2048;

/** What it does when somebody has said no, has not touched the key in time, or the key is for other hosts. */
const REFUSAL = "refused to sign";

/** A connection to an ssh-agent. One request at a time. Call close() at the end. */
export class Agent {
  readonly #path: string;
  readonly #socket: Socket;
  #received = Buffer.alloc(0);
  #settle: { resolve(answer: Buffer): void; reject(error: AgentError): void } | undefined;
  #over: AgentError | undefined;

  /** What is asked of an agent that does not answer hangs until close(). */
  constructor(place: AgentAddress) {
    this.#path = place.path;
    this.#socket = connect({ path: place.path });
    this.#socket.on("data", (chunk: Buffer) => this.#take(chunk));
    this.#socket.on("error", (error: NodeJS.ErrnoException) => this.#end(troubleOf(place, error)));
    this.#socket.on("close", () => this.#end(new AgentError(`at ${this.#path} hung up`)));
  }

  /**
   * Tells it which session the next signatures are for (session-bind@openssh.com of PROTOCOL.agent): a key that was
   * added for certain hosts only is of use then, and those for others are no longer listed. False where the agent does not
   * know this. Throws an AgentError.
   */
  async bind({ hostKey, id, signature }: Session): Promise<boolean> {
    const request = wire("session-bind@openssh.com", hostKey, id, signature);
    const isForwarding = Buffer.from([0]);
    const [answer] = await this.#ask(Buffer.concat([Buffer.from([EXTENSION]), request, isForwarding]));
    return answer === SUCCESS;
  }

  /** The keys it holds, in its order. Throws an AgentError. */
  async list(): Promise<readonly AgentKey[]> {
    const answer = await this.#ask(Buffer.from([REQUEST_IDENTITIES]));
    if (FAILURES.has(answer[0])) throw new AgentError("refused to list its keys");
    const keys = answer[0] === IDENTITIES_ANSWER ? readWith(answer.subarray(1), readKeys) : undefined;
    if (keys === undefined) throw this.#nonsense();
    return keys;
  }

  /**
   * Signs `data` with the key or certificate `blob`; `algorithm` is the request's ("rsa-sha2-512"). Gives the whole
   * signature as it goes to the server, its type first. Throws an AgentError, also when it refuses or signs otherwise.
   */
  async sign(blob: Buffer, data: Buffer, algorithm: string): Promise<Buffer> {
    const type = plainType(algorithm);
    const flags = Buffer.alloc(4);
    flags.writeUInt32BE(RSA_FLAGS[type] ?? 0);
    const answer = await this.#ask(Buffer.concat([Buffer.from([SIGN_REQUEST]), wire(blob, data), flags]));
    if (FAILURES.has(answer[0])) throw new AgentError(REFUSAL);
    const [signature] = fieldsOf(answer.subarray(1), 1) ?? [];
    // A security key's has flags and a counter behind these two (PROTOCOL.u2f).
    const [made, bare] = (signature && fieldsOf(signature, 2)) ?? [];
    if (answer[0] !== SIGN_RESPONSE || signature === undefined || bare === undefined) throw this.#nonsense();
    // An old agent does not know the flags and signs with SHA-1.
    if (String(made) !== type) throw new AgentError(`signed with ${made}, not ${type}`);
    return Buffer.from(signature);
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

/** As a list of keys has it; what is behind them is passed over, as by ssh(1). */
function readKeys(reader: Reader): readonly AgentKey[] | undefined {
  const count = reader.uint32();
  if (count > MOST_KEYS) return undefined;
  return Array.from({ length: count }, () => {
    const blob = Buffer.from(reader.string());
    return { blob, type: typeOf(blob), comment: reader.string().toString() };
  });
}

function troubleOf(
  { path, variable, isAsked = false }: AgentAddress,
  error: NodeJS.ErrnoException,
): AgentError {
  switch (error.code) {
    case "ENOENT":
      return new AgentError(
        `is gone: there is no ${path}${leftBehind(variable)}`,
        freshAgent(variable, isAsked),
        error,
      );
    case "ECONNREFUSED":
      return new AgentError(
        `at ${path} is dead${leftBehind(variable)}`,
        freshAgent(variable, isAsked),
        error,
      );
    default:
      return new AgentError(`at ${path} cannot be reached (${error.code})`, undefined, error);
  }
}

function leftBehind(variable: AgentVariable | undefined): string {
  if (variable === undefined) return "";
  const { name, keptBy } = variable;
  return ` (${name} was left by an earlier login${keptBy === undefined ? "" : `, and kept by ${keptBy}`})`;
}
