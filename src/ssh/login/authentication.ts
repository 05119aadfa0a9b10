import type { AnyAuthMethod, Client } from "ssh2";
import { Failure } from "../../failure.ts";
import { typed } from "../../target/by_hand.ts";
import type { Method } from "../../target/methods.ts";
import type { Target } from "../../target/target.ts";
import type { OwnMethod, Session } from "../ssh2/patched.ts";
import { readExtensions } from "../ssh2/public_key_request.ts";
import { type Attempt, fingerprintOf } from "./attempt.ts";
import type { Candidate, Obstacle, Sealed } from "./candidate.ts";
import type { EarlyLogin } from "./early_login.ts";
import { earlyOffer, plainLogin, told } from "./early_offer.ts";
import type { Collection } from "./key_collection.ts";
import { KeyOffer } from "./key_offer.ts";
import type { KnownLogin } from "./known_login.ts";
import { NAME_ONE } from "./login_failure.ts";
import { type Acquaintance, offeredTo } from "./offered.ts";
import { AskedMethods } from "./password_methods.ts";
import type { Asking } from "./questions.ts";
import type { LoginMemory } from "./refused_before.ts";

/** Keys that are offered on one connection: sshd ends a login at its sixth refusal (MaxAuthTries of sshd_config(5)). */
const MOST_KEYS = 6;

/** What there is to log in with. */
export interface Means {
  readonly keys: Collection;
  /** Whoever can be asked for a password; nobody when a mail client calls. */
  readonly asking: Asking | undefined;
  /** Called once, before the first of these keys is offered. */
  readonly enter: (keys: readonly string[]) => Promise<void>;
  /** How the server has broken off a login before. */
  readonly brokenOff: () => LoginMemory["brokenOff"];
  /** Ends the login. */
  readonly fail: (reason: unknown) => void;
  readonly early: EarlyLogin | undefined;
}

/** Chooses what to log in with next, until the server is content or nothing is left: RFC 4252 section 5. */
export class Authentication {
  readonly #target: Target;
  readonly #means: Means;
  readonly #asked: AskedMethods | undefined;
  readonly #attempts: (KeyOffer | Attempt)[] = [];
  readonly #obstacles: Obstacle[] = [];
  #isOver = false;
  #acquaintance: Acquaintance = {
    session: undefined,
    extensions: { signatures: undefined, isHostBound: false },
  };
  #methods: readonly string[] | undefined;
  #position = 0;
  #spent = 0;
  #hasEntered = false;
  #hasTriedNone = false;
  #last: "none" | Method = "none";
  /** The key that was to be offered before its turn. */
  #early: KeyOffer | undefined;
  #isWithdrawn = false;

  constructor(target: Target, means: Means) {
    this.#target = target;
    this.#means = means;
    this.#asked = means.asking && new AskedMethods(means.asking, target);
  }

  /** The keys that were offered, in order; the last one that was signed with opened the door. */
  get attempts(): readonly Attempt[] {
    const early = this.#early;
    return told(
      early === undefined || this.#attempts.includes(early) ? this.#attempts : [...this.#attempts, early],
    );
  }

  /** What the next login may build on; undefined after an early one, and where more was asked for than one key. */
  get plainLogin(): Omit<KnownLogin, "version"> | undefined {
    return this.#last === "publickey" ? plainLogin(this.#attempts) : undefined;
  }

  /** The method that was tried last. */
  get lastMethod(): "none" | Method {
    return this.#last;
  }

  /** Why there are no more of them. */
  get obstacles(): readonly Obstacle[] {
    return [...this.#means.keys.obstacles, ...this.#obstacles];
  }

  /** Whether somebody can be asked. */
  get isAsking(): boolean {
    return this.#asked !== undefined;
  }

  /** What the server would take now: "publickey", "password". Empty when it did not say. */
  get methods(): readonly string[] {
    return this.#methods ?? [];
  }

  /** The keys of which a refusal is worth remembering; undefined where the next call may fare otherwise. */
  get refusedKeys(): readonly string[] | undefined {
    const { keys } = this.#means;
    const wasRefused = this.#attempts.every(
      (one) => !(one instanceof KeyOffer) || typeof one.outcome === "string",
    );
    const hadSome = this.attempts.length > 0 || !keys.hasAgentTrouble;
    return wasRefused && hadSome ? keys.ids : undefined;
  }

  /** To be called before the client's connect(). */
  follow(client: Client): void {
    client.on("auth failure", (methods, isPartial) => {
      this.#methods = methods;
      this.#refuseEarly(isPartial);
    });
    client.on("extensions", (said) => {
      const { signatures, isHostBound } = readExtensions(said, client._protocol);
      // sshd sends a second list when it knows the user, with the signatures alone.
      const { extensions: earlier } = this.#acquaintance;
      const extensions = {
        signatures: signatures ?? earlier.signatures,
        isHostBound: isHostBound || earlier.isHostBound,
      };
      this.#acquaintance = { ...this.#acquaintance, extensions };
    });
    client.on("instruction", (name, instruction) => this.#asked?.instruct(name, instruction));
    client.on("change password", (prompt: string) => {
      const { server, byHand } = this.#target;
      const what = `the server wants the password changed: it says "${prompt.trim()}"`;
      this.#means.fail(
        new Failure("auth", server, what, { hints: [`change it: ${typed("ssh", ...byHand)}`] }),
      );
    });
  }

  /** The first keys have been exchanged, and the server is known. */
  begin(session: Session): void {
    this.#acquaintance = { ...this.#acquaintance, session };
  }

  close(): void {
    this.#isOver = true;
    this.#current?.close();
    this.#asked?.close();
    this.#means.keys.close();
  }

  /** The key to offer before its turn, if there is one; to be taken back by withdrawEarly() when it cannot be proven. */
  async offerEarly(known: KnownLogin): Promise<KeyOffer | undefined> {
    if (this.#target.methods.value[0] !== "publickey" || this.#asked !== undefined) return undefined;
    const found = await this.#keys();
    this.#early = earlyOffer(found, known, this.#target, this.#acquaintance.session?.hostKey);
    if (this.#early === undefined) return undefined;
    this.#last = "publickey";
    this.#spent++;
    return this.#early;
  }

  /** It could not be proven, and is not asked for again: somebody may have said no. */
  withdrawEarly(): void {
    this.#isWithdrawn = true;
    this.#last = "none";
    this.#spent--;
  }

  #refuseEarly(isPartial: boolean): void {
    const { early } = this.#means;
    if (this.#early === undefined || this.#isWithdrawn || early === undefined || early.isRefused) return;
    // As after the question alone, which an ordinary login would not have gone beyond.
    if (!isPartial) this.#early.outcome = "offered";
    early.refuse();
  }

  /** `methods`: what ssh2 knows of those that the server takes. Undefined when nothing is left. */
  async next(methods: readonly string[] | null): Promise<AnyAuthMethod | OwnMethod | undefined> {
    this.#methods ??= methods ?? undefined;
    for (const method of this.#target.methods.value) {
      // Not yet told what the server takes; a key is worth a try.
      if (this.#methods === undefined && method !== "publickey" && !this.#hasTriedNone) return this.#none();
      if (this.#methods !== undefined && !this.#methods.includes(method)) continue;
      const step = await this.#step(method);
      if (step === undefined && !this.#isOver) continue;
      this.#last = method;
      return step;
    }
    return this.#methods === undefined && !this.#hasTriedNone ? this.#none() : undefined;
  }

  get #current(): KeyOffer | undefined {
    const last = this.#attempts.at(-1);
    return last instanceof KeyOffer ? last : undefined;
  }

  /** Not to get in, but to be told what the server takes. */
  #none(): AnyAuthMethod {
    this.#hasTriedNone = true;
    return { type: "none", username: this.#target.user.value };
  }

  async #step(method: Method): Promise<AnyAuthMethod | OwnMethod | undefined> {
    switch (method) {
      case "publickey":
        return this.#nextKey();
      case "keyboard-interactive":
        return this.#asked?.interactive();
      case "password":
        return this.#asked?.password();
    }
  }

  async #keys(): Promise<readonly (Candidate | Sealed)[]> {
    const { keys, enter } = this.#means;
    const { session } = this.#acquaintance;
    const found = await (session === undefined ? keys.collect() : keys.collectFor(session));
    if (!this.#hasEntered) {
      this.#hasEntered = true;
      await enter(keys.ids);
    }
    return found;
  }

  async #nextKey(): Promise<OwnMethod | undefined> {
    const found = await this.#keys();
    for (let one = found[this.#position]; one !== undefined; one = found[this.#position]) {
      if (this.#early !== undefined && this.#early.candidate === one) {
        this.#attempts.push(this.#early);
        this.#position++;
        continue;
      }
      if (this.#isInVain(one)) {
        this.#leaveRest(found.length - this.#position);
        this.#position = found.length;
        return undefined;
      }
      this.#position++;
      const candidate = "open" in one ? await one.open() : one;
      const offer = candidate && offeredTo(this.#acquaintance, candidate, this.#target);
      if (!(offer instanceof KeyOffer)) {
        if (offer !== undefined) this.#obstacles.push(offer);
        continue;
      }
      this.#attempts.push(offer);
      this.#spent++;
      return offer.asMethod(this.#target.user.value);
    }
    return undefined;
  }

  /** Whether the server would break off, with this key too, as it has done before. */
  #isInVain(one: Candidate | Sealed): boolean {
    const { count, keys } = this.#means.brokenOff() ?? { count: MOST_KEYS + 1, keys: [] };
    const isRefused = !("open" in one) && keys.includes(fingerprintOf(one));
    return this.#spent >= MOST_KEYS || (isRefused && this.#spent + 1 >= count);
  }

  #leaveRest(count: number): void {
    const keys = count === 1 ? "one more key was" : `${count} more keys were`;
    this.#obstacles.push({ what: `${keys} not tried, lest the server break off`, hint: NAME_ONE });
  }
}
