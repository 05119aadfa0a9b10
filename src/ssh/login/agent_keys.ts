import { onAbort } from "../../abort.ts";
import { parseUserCertificate } from "../keys/certificate.ts";
import { isSecurityKey } from "../keys/type.ts";
import type { Session } from "../ssh2/patched.ts";
import type { AddingLine } from "./adding_line.ts";
import { Agent, type AgentAddress, AgentError, type AgentKey } from "./agent.ts";
import { sshAdd } from "./agent_hints.ts";
import type { Candidate, Obstacle, Waiting } from "./candidate.ts";
import type { Questions } from "./questions.ts";

/** The keys of an agent, for one login. Call close() at the end. */
export class AgentKeys {
  /** Why it could not be asked: that may be over at the next call. */
  trouble: Obstacle | undefined;
  readonly #place: AgentAddress | undefined;
  readonly #waiting: Waiting;
  readonly #asking: Pick<Questions, "meanwhile"> | undefined;
  #agent: Agent | undefined;
  #isBound = false;

  /** `asking`: whoever an agent may ask something too, in time that does not count. */
  constructor(
    place: AgentAddress | undefined,
    waiting: Waiting,
    asking: Pick<Questions, "meanwhile"> | undefined,
  ) {
    this.#place = place;
    this.#waiting = waiting;
    this.#asking = asking;
  }

  close(): void {
    this.#agent?.close();
  }

  /** All that it holds, in its order; nothing where it cannot be asked. A hanging one is asked until the signal aborts. */
  async list(signal: AbortSignal): Promise<readonly AgentKey[]> {
    if (this.#place === undefined) return [];
    const agent = new Agent(this.#place);
    this.#agent = agent;
    return this.#ask(() => agent.list(), signal);
  }

  /** Tells it which session they are for. Gives what it lists then, undefined where it does not know of sessions. */
  async bind(session: Session, signal: AbortSignal): Promise<readonly AgentKey[] | undefined> {
    const agent = this.#agent;
    if (agent === undefined) return undefined;
    return this.#ask(async () => {
      if (!(await agent.bind(session))) return undefined;
      this.#isBound = true;
      return agent.list();
    }, signal);
  }

  async #ask<T>(question: () => Promise<T>, signal: AbortSignal): Promise<T | readonly AgentKey[]> {
    const stop = onAbort(signal, () => this.close());
    this.#waiting(`waiting for the agent at ${this.#place?.path}`);
    try {
      return await question();
    } catch (error) {
      if (!(error instanceof AgentError)) throw error;
      this.trouble = { what: `the agent ${error.message}`, hint: error.hint };
      return [];
    } finally {
      stop();
      if (!signal.aborted) this.#waiting("");
    }
  }

  /** What is odd about those that were listed, and would otherwise look as though there were no agent. */
  oddity(held: readonly AgentKey[], onlyWanted: boolean, wanted: number): Obstacle | undefined {
    if (this.#place === undefined || this.trouble !== undefined) return this.trouble;
    if (held.length === 0) {
      // A locked one says that it has none (ssh-agent.c, process_request_identities).
      const add = sshAdd(this.#place);
      const hint = `add a key to it: ${add}; or unlock it: ${add} -X`;
      return { what: "the agent has no keys, or is locked", hint };
    }
    if (!onlyWanted || wanted > 0) return undefined;
    const keys = held.length === 1 ? "the agent has one key" : `the agent has ${held.length} keys`;
    return { what: `${keys}, but none that this host may use (IdentitiesOnly)`, hint: undefined };
  }

  /** What to say of keys that it no longer listed when it knew the session. */
  keptBack(count: number, { line, name }: AddingLine): Obstacle {
    const what = `the agent keeps ${count === 1 ? "one key" : `${count} keys`} for other hosts`;
    // Whoever adds a key again replaces what it was restricted to (ssh-agent.c, process_add_identity()).
    const hint =
      name === undefined
        ? `add it for all hosts, as ssh-add -h does not find this one: ${line}`
        : `add it for this host, with a -h for each of its others, too: ${line}`;
    return { what, hint };
  }

  /** `file`: the path of the file that the key is also in. */
  candidate(key: AgentKey, file: string | undefined): Candidate {
    const { blob, type, comment } = key;
    return {
      ...{ name: file ?? comment, type, blob, source: "agent", certificate: parseUserCertificate(blob) },
      ...{ sign: (data, algorithm) => this.sign(key, data, algorithm), isBound: this.#isBound },
    };
  }

  /** Whether it knows which session its signatures are for. */
  get isBound(): boolean {
    return this.#isBound;
  }

  /** Gives the whole signature. Throws with words for the user. */
  async sign({ blob, type }: AgentKey, data: Buffer, algorithm: string): Promise<Buffer> {
    this.#waiting(`waiting for the agent to sign${isSecurityKey(type) ? " (touch the security key)" : ""}`);
    try {
      const agent = this.#agent;
      if (agent === undefined) throw new AgentError("is closed");
      const signing = () => agent.sign(blob, data, algorithm);
      return await (this.#asking?.meanwhile(signing) ?? signing());
    } catch (error) {
      throw error instanceof AgentError ? new Error(`the agent ${error.message}`, { cause: error }) : error;
    } finally {
      this.#waiting("");
    }
  }
}
