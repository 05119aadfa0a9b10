import type { KnownLogin } from "../../state/familiar.ts";
import type { BrokenOff } from "../../state/patience.ts";
import type { Target } from "../../target/target.ts";
import type { OwnMethod } from "../ssh2/patched.ts";
import type { Extensions } from "../ssh2/public_key_request.ts";
import type { Recognised } from "./adding_line.ts";
import type { Candidate, Obstacle, Sealed } from "./candidate.ts";
import { earlyOffer, plainLogin, told } from "./early_offer.ts";
import type { KeyCollection } from "./key_collection.ts";
import { KeyOffer } from "./key_offer.ts";
import { NAME_ONE } from "./login_failure.ts";
import { type Acquaintance, offeredTo } from "./offered.ts";
import { fingerprintOf, type TriedKey } from "./tried_key.ts";

/** Where keys come from, and what minds them. */
export interface KeySource {
  readonly keys: KeyCollection;
  /** Called once, before the first of these keys is offered. */
  readonly enter: (keys: readonly string[]) => Promise<void>;
  /** How the server has broken off a login before. */
  readonly brokenOff: () => BrokenOff | undefined;
}

/** Offers one key after the other on one connection. */
export class KeyOffers {
  readonly obstacles: Obstacle[] = [];
  readonly #target: Target;
  readonly #source: KeySource;
  readonly #attempts: KeyOffer[] = [];
  #acquaintance: Acquaintance = {
    session: undefined,
    extensions: { signatures: undefined, isHostBound: false },
  };
  #position = 0;
  #spent = 0;
  #hasEntered = false;
  /** The key that was to be offered before its turn. */
  #early: KeyOffer | undefined;
  #isWithdrawn = false;

  constructor(target: Target, source: KeySource) {
    this.#target = target;
    this.#source = source;
  }

  /** In order; the last one that was signed with opened the door. */
  get attempts(): readonly TriedKey[] {
    return told(this.#offers);
  }

  /** What the next login may build on; undefined after an early one, and where more was asked for than one key. */
  get plainLogin(): Omit<KnownLogin, "version"> | undefined {
    return plainLogin(this.#attempts);
  }

  /** Whether every key that was not let in was refused by the server. */
  get wereRefused(): boolean {
    return this.#attempts.every(({ outcome }) => typeof outcome === "string");
  }

  /** The first keys have been exchanged. */
  begin(session: Recognised): void {
    this.#acquaintance = { ...this.#acquaintance, session };
  }

  /** What the server says that it takes; it may say so in several parts. */
  learn({ signatures, isHostBound }: Extensions): void {
    const { extensions: earlier } = this.#acquaintance;
    const extensions = {
      signatures: signatures ?? earlier.signatures,
      isHostBound: isHostBound || earlier.isHostBound,
    };
    this.#acquaintance = { ...this.#acquaintance, extensions };
  }

  close(): void {
    this.#attempts.at(-1)?.close();
  }

  /** The key to offer before its turn, if there is one; to be taken back by withdrawEarly() when it cannot be proven. */
  async offerEarly(known: KnownLogin): Promise<KeyOffer | undefined> {
    const found = await this.#keys();
    this.#early = earlyOffer(found, known, this.#target, this.#acquaintance.session?.hostKey);
    if (this.#early !== undefined) this.#spent++;
    return this.#early;
  }

  /** It could not be proven, and is not asked for again: somebody may have said no. */
  withdrawEarly(): void {
    this.#isWithdrawn = true;
    this.#spent--;
  }

  /** Whether one has left early. `isRefused`: as after the question alone, which an ordinary login would not have gone beyond. */
  endEarly(isRefused: boolean): boolean {
    if (this.#early === undefined || this.#isWithdrawn) return false;
    if (isRefused) this.#early.outcome = "offered";
    return true;
  }

  /** The last one was right and is not enough: RFC 4252 section 5.1. */
  accept(): void {
    const key = this.#attempts.at(-1) ?? this.#early;
    if (key !== undefined) key.outcome = "accepted";
  }

  /** Every key but those that were accepted is worth a try again. */
  again(): void {
    this.#position = 0;
  }

  /** Undefined when none is left. */
  async next(): Promise<OwnMethod | undefined> {
    const found = await this.#keys();
    for (let one = found[this.#position]; one !== undefined; one = found[this.#position]) {
      const early = this.#early?.candidate === one ? this.#early : undefined;
      const isNew = early !== undefined && !this.#attempts.includes(early);
      if (isNew) this.#attempts.push(early);
      if (!isNew && !this.#isAccepted(one) && this.#isInVain(one)) {
        this.#leaveRest(found.length - this.#position);
        this.#position = found.length;
        return undefined;
      }
      this.#position++;
      const offer = isNew || this.#isAccepted(one) ? undefined : await this.#offer(one);
      if (offer !== undefined) return offer.asMethod(this.#target.user.value);
    }
    return undefined;
  }

  get #offers(): readonly KeyOffer[] {
    const early = this.#early;
    return early === undefined || this.#attempts.includes(early)
      ? this.#attempts
      : [...this.#attempts, early];
  }

  async #keys(): Promise<readonly (Candidate | Sealed)[]> {
    const { keys, enter } = this.#source;
    const { session } = this.#acquaintance;
    const found = await (session === undefined ? keys.collect() : keys.collectFor(session));
    if (!this.#hasEntered) {
      this.#hasEntered = true;
      await enter(keys.ids);
    }
    return found;
  }

  async #offer(one: Candidate | Sealed): Promise<KeyOffer | undefined> {
    const candidate = "unlock" in one ? await one.unlock() : one;
    const offer = candidate && offeredTo(this.#acquaintance, candidate, this.#target);
    if (!(offer instanceof KeyOffer)) {
      if (offer !== undefined) this.obstacles.push(offer);
      return undefined;
    }
    this.#attempts.push(offer);
    this.#spent++;
    return offer;
  }

  /** Whether the server would break off, with this key too, as it has done before (MaxAuthTries of sshd_config(5)). */
  #isInVain(one: Candidate | Sealed): boolean {
    const broken = this.#source.brokenOff();
    if (broken === undefined || "unlock" in one) return false;
    return broken.keys.includes(fingerprintOf(one)) && this.#spent + 1 >= broken.count;
  }

  #isAccepted(one: Candidate | Sealed): boolean {
    return this.#offers.some(({ candidate, outcome }) => candidate === one && outcome === "accepted");
  }

  #leaveRest(count: number): void {
    const keys = count === 1 ? "one more key was" : `${count} more keys were`;
    this.obstacles.push({ what: `${keys} not tried, since the server would end the login`, hint: NAME_ONE });
  }
}
