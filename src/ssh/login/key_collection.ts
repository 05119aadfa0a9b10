import type { Target } from "../../target/target.ts";
import { fingerprint, typeOf } from "../keys/blob.ts";
import { type Certificate, parseUserCertificate } from "../keys/certificate.ts";
import { readIdentity, readPublic } from "../keys/identity_file.ts";
import { type AddingLine, addingLine, type Recognised } from "./adding_line.ts";
import type { AgentKey } from "./agent.ts";
import { sshAdd } from "./agent_hints.ts";
import { AgentKeys } from "./agent_keys.ts";
import type { Candidate, Obstacle, Sealed, Waiting } from "./candidate.ts";
import { KeyFile } from "./key_file.ts";
import { unusable } from "./key_policy.ts";
import type { Questions } from "./questions.ts";

/** What finding and using keys needs beside the target. */
export interface KeyCollectionOptions {
  readonly signal: AbortSignal;
  readonly waiting: Waiting;
  /** For the passphrases of key files. */
  readonly asking?: Questions | undefined;
}

/** A certificate of a file. */
interface Certified {
  readonly path: string;
  readonly certificate: Certificate;
}

/** What there is to choose from. */
interface Stock {
  readonly files: readonly KeyFile[];
  /** Certificates that ssh_config names, and those beside identity files where it names none. */
  readonly chosen: readonly Certified[];
  readonly implied: readonly Certified[];
  /** Paths that were to hold a certificate. */
  readonly useless: readonly string[];
  readonly held: readonly AgentKey[];
  /** How many keys the agent no longer listed when it was told of the session, and how they are added for it. */
  readonly keptBack?: { readonly count: number; readonly adding: AddingLine };
}

/** Finds the user's keys, in the agent and in files. Call close() at the end. */
export class KeyCollection {
  /** What is being waited for, in words; empty when nothing is. */
  waitingFor = "";
  readonly #target: Target;
  readonly #options: KeyCollectionOptions;
  readonly #agent: AgentKeys;
  #obstacles: Obstacle[] = [];
  #ids: readonly string[] = [];
  #stock: Promise<Stock> | undefined;
  #found: Promise<readonly (Candidate | Sealed)[]> | undefined;
  #bound: Promise<readonly (Candidate | Sealed)[]> | undefined;

  constructor(target: Target, options: KeyCollectionOptions) {
    const { value: path } = target.agent;
    const { value: variable } = target.agentVariable;
    const place = path === undefined ? undefined : { path, variable, isAsked: options.asking !== undefined };
    this.#target = target;
    this.#options = options;
    const waiting = (what: string) => {
      this.waitingFor = what;
      options.waiting(what);
    };
    this.#agent = new AgentKeys(place, waiting, options.asking);
  }

  /** Which keys these are, files without a known public key left out; empty until they have been found. */
  get ids(): readonly string[] {
    return this.#ids;
  }

  /** Why there are no more of them. */
  get obstacles(): readonly Obstacle[] {
    return this.#obstacles;
  }

  /** The agent could not be asked: that may be over at the next call. */
  get hasAgentTrouble(): boolean {
    return this.#agent.trouble !== undefined;
  }

  close(): void {
    this.#agent.close();
  }

  /**
   * What can be offered, what is most wanted first: certificates that ssh_config names; keys and certificates of
   * identity files, those in the agent before the others; the agent's other keys. ssh(1) has the last two the other way
   * round (sshconnect2.c, pubkey_prepare), and a full agent then uses up the server's patience. Found once. Throws only
   * the signal's reason.
   */
  collect(): Promise<readonly (Candidate | Sealed)[]> {
    this.#stock ??= this.#look();
    this.#found ??= this.#stock.then((stock) => this.#arrange(stock));
    return this.#found;
  }

  /** The same once there is a session, of which an agent is told before it is to sign: it may have keys for others only. */
  collectFor(session: Recognised): Promise<readonly (Candidate | Sealed)[]> {
    this.#bound ??= this.#bind(session);
    return this.#bound;
  }

  async #bind(session: Recognised): Promise<readonly (Candidate | Sealed)[]> {
    const found = await this.collect();
    const isAgentNeeded = found.some((one) => "source" in one && one.source === "agent");
    const stock = isAgentNeeded ? await this.#stock : undefined;
    const held = stock && (await this.#agent.bind(session, this.#options.signal));
    this.#options.signal.throwIfAborted();
    if (stock === undefined || held === undefined) return found;
    const count = stock.held.length - held.length;
    if (count <= 0) return this.#arrange({ ...stock, held });
    return this.#arrange({
      ...stock,
      held,
      keptBack: { count, adding: addingLine(this.#target, session.voucher) },
    });
  }

  async #look(): Promise<Stock> {
    const { identityFiles, certificateFiles } = this.#target;
    const { signal, asking } = this.#options;
    const add = sshAdd({ path: this.#target.agent.value, variable: this.#target.agentVariable.value });
    const identities = await Promise.all(identityFiles.value.map((path) => readIdentity(path, add)));
    const files = identities.map((identity) => new KeyFile(identity, asking, add));
    const named = await Promise.all(certificateFiles.value.map(readCertified));
    const chosen = named.filter((one) => "certificate" in one);
    const beside = certificateFiles.value.length > 0 ? [] : identityFiles.value.map(besideKey);
    const implied = (await Promise.all(beside.map(readCertified))).filter((one) => "certificate" in one);
    const useless = named.flatMap((one) => ("certificate" in one ? [] : [one.path]));
    const held = await this.#agent.list(signal);
    signal.throwIfAborted();
    return { files, chosen, implied, useless, held };
  }

  #arrange(stock: Stock): readonly (Candidate | Sealed)[] {
    this.#obstacles = [];
    for (const { keyword, why } of this.#target.passedOver) this.#leaveOut(`${keyword}: ${why}`);
    for (const path of stock.useless) this.#leaveOut(`${path} holds no user certificate`);
    const found = this.#inOrder(stock).filter((one) => this.#isUsable(one));
    this.#ids = found.flatMap((one) => ("unlock" in one ? [] : [fingerprint(one.blob)]));
    return found;
  }

  #inOrder(stock: Stock): readonly (Candidate | Sealed)[] {
    const { files, chosen, implied, held } = stock;
    const first = chosen.map((one) => this.#withCertificate(one, stock));
    const names = new Map<string, string>();
    for (const { certificate, path } of [...implied].reverse()) names.set(id(certificate.blob), path);
    for (const { blob, path } of [...files].reverse()) if (blob !== undefined) names.set(id(blob), path);
    const named = held.filter(({ blob }) => names.has(id(blob)));
    const onlyWanted = this.#target.identitiesOnly.value;
    const taken = new Set(chosen.map(({ certificate }) => id(certificate.blob)));
    const others = held.filter(({ blob }) => !names.has(id(blob)) && !taken.has(id(blob)));
    const kept = stock.keptBack && this.#agent.keptBack(stock.keptBack.count, stock.keptBack.adding);
    const oddity = kept ?? this.#agent.oddity(held, onlyWanted, named.length + chosen.length);
    if (oddity !== undefined) this.#obstacles.push(oddity);
    const inAgent = new Set(held.map(({ blob }) => id(blob)));
    const rest = files.flatMap((file) => {
      const isHeld = file.blob !== undefined && inAgent.has(id(file.blob));
      const certified = implied.filter(
        ({ path, certificate }) => path === besideKey(file.path) && !inAgent.has(id(certificate.blob)),
      );
      return [
        ...(isHeld ? [] : [this.#fromFile(file)]),
        ...certified.map((one) => this.#withCertificate(one, stock)),
      ];
    });
    const found = [
      ...first,
      ...named.map((key) => this.#agent.candidate(key, names.get(id(key.blob)))),
      ...rest,
      ...(onlyWanted ? [] : others.map((key) => this.#agent.candidate(key, undefined))),
    ];
    return found.filter((one) => one !== undefined);
  }

  #fromFile(file: KeyFile): Candidate | Sealed | undefined {
    const { path: name, blob, sign, kind, obstacle } = file;
    // ssh(1)'s own list is mostly of files that nobody has.
    const isExpected = kind !== "missing" || this.#target.identityFiles.from.kind === "table";
    if (obstacle !== undefined && isExpected) this.#obstacles.push(obstacle);
    if (obstacle !== undefined) return undefined;
    const candidate = (found: Buffer): Candidate => {
      const type = typeOf(found);
      return { name, type, blob: found, source: "file", certificate: undefined, sign, isBound: false };
    };
    if (blob !== undefined) return candidate(blob);
    return {
      unlock: async () => {
        const revealed = await file.reveal();
        if (typeof revealed === "string") this.#leaveOut(`${name} ${revealed}`);
        if (typeof revealed !== "object") return undefined;
        const unlocked = candidate(revealed);
        return this.#isUsable(unlocked) ? unlocked : undefined;
      },
    };
  }

  /** A certificate with the key that signs for it, in the agent or in a file; undefined without one. */
  #withCertificate({ path, certificate }: Certified, { held, files }: Stock): Candidate | undefined {
    const { blob, type, key } = certificate;
    const common = { name: path, type, blob, certificate };
    const inAgent = held.find((one) => one.blob.equals(key)) ?? held.find((one) => one.blob.equals(blob));
    if (inAgent !== undefined) {
      return {
        ...{ ...common, source: "agent", isBound: this.#agent.isBound },
        sign: (data, algorithm) => this.#agent.sign(inAgent, data, algorithm),
      };
    }
    const file = files.find((one) => one.blob?.equals(key));
    if (file !== undefined && file.obstacle === undefined)
      return { ...common, source: "file", sign: file.sign, isBound: false };
    this.#leaveOut(`${path} has its private key neither in the agent nor in a file that can be used`);
    return undefined;
  }

  #isUsable(one: Candidate | Sealed): boolean {
    const why = "unlock" in one ? undefined : unusable(one, this.#target);
    if (why !== undefined) this.#leaveOut(why);
    return why === undefined;
  }

  #leaveOut(what: string): void {
    this.#obstacles.push({ what, hint: undefined });
  }
}

async function readCertified(path: string): Promise<Certified | Pick<Certified, "path">> {
  const certificate = parseUserCertificate((await readPublic(path)) ?? Buffer.alloc(0));
  return certificate === undefined ? { path } : { path, certificate };
}

/** Where ssh-keygen puts a key's certificate (ssh-keygen(1), -s). */
function besideKey(path: string): string {
  return `${path}-cert.pub`;
}

function id(blob: Buffer): string {
  return blob.toString("latin1");
}
