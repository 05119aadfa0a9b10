import type { AnyAuthMethod, Client } from "ssh2";
import { lines } from "../../report/lines.ts";
import type { KnownLogin } from "../../state/familiar.ts";
import type { Method } from "../../target/methods.ts";
import type { Target } from "../../target/target.ts";
import type { OwnMethod } from "../ssh2/patched.ts";
import { readExtensions } from "../ssh2/public_key_request.ts";
import { type AddingLine, addingLine, type Recognised } from "./adding_line.ts";
import type { Obstacle } from "./candidate.ts";
import type { EarlyLogin } from "./early_login.ts";
import type { KeyOffer } from "./key_offer.ts";
import { KeyOffers, type KeySource } from "./key_offers.ts";
import { PasswordChange } from "./password_change.ts";
import { PasswordMethods } from "./password_methods.ts";
import type { Questions } from "./questions.ts";
import type { TriedKey } from "./tried_key.ts";

/** What there is to log in with. */
export interface LoginMeans extends KeySource {
  /** Whoever can be asked for a password; nobody when a mail client calls. */
  readonly asking: Questions | undefined;
  /** Ends the login. */
  readonly fail: (reason: unknown) => void;
  readonly early: EarlyLogin | undefined;
}

/** Chooses what to log in with next, until the server is content or nothing is left: RFC 4252 section 5. */
export class Authentication {
  readonly #target: Target;
  readonly #means: LoginMeans;
  readonly #offers: KeyOffers;
  readonly #asked: PasswordMethods | undefined;
  /** Methods, other than keys, that the server has accepted without letting the user in. */
  readonly #answers: Method[] = [];
  readonly #denied = new Set<Method>();
  #voucher: Recognised["voucher"];
  #isOver = false;
  #methods: readonly string[] | undefined;
  #hasTriedNone = false;
  #told = "";
  #last: "none" | Method = "none";

  constructor(target: Target, means: LoginMeans) {
    this.#target = target;
    this.#means = means;
    this.#offers = new KeyOffers(target, means);
    this.#asked = means.asking && new PasswordMethods(means.asking, target);
  }

  /** The keys that were offered, in order; the last one that was signed with opened the door. */
  get attempts(): readonly TriedKey[] {
    return this.#offers.attempts;
  }

  /** What the next login may build on; undefined after an early one, and where more was asked for than one key. */
  get plainLogin(): Omit<KnownLogin, "version"> | undefined {
    return this.#last === "publickey" ? this.#offers.plainLogin : undefined;
  }

  /** The method that was tried last. */
  get lastMethod(): "none" | Method {
    return this.#last;
  }

  /** Why there are no more of them. */
  get obstacles(): readonly Obstacle[] {
    return [...this.#means.keys.obstacles, ...this.#offers.obstacles];
  }

  /** The methods, other than keys, that the server has accepted without letting the user in. */
  get answers(): readonly Method[] {
    return this.#answers;
  }

  /** The methods for which somebody has typed something, and the server wants none of it. */
  get denied(): readonly Method[] {
    return [...this.#denied];
  }

  /** The last line of what the server has said for people since its last refusal (RFC 4252 section 5.4); empty for nothing. */
  get told(): string {
    return this.#told;
  }

  /** Whether somebody can be asked. */
  get isAsking(): boolean {
    return this.#asked !== undefined;
  }

  /** How a key is added to an agent for this host. */
  get adding(): AddingLine {
    return addingLine(this.#target, this.#voucher);
  }

  /** What the server would take now: "publickey", "password". Empty when it did not say. */
  get methods(): readonly string[] {
    return this.#methods ?? [];
  }

  /** The keys of which a refusal is worth remembering; undefined where the next call may fare otherwise. */
  get refusedKeys(): readonly string[] | undefined {
    const { keys } = this.#means;
    const hadSome = this.attempts.length > 0 || !keys.hasAgentTrouble;
    return this.#offers.wereRefused && hadSome ? keys.ids : undefined;
  }

  /** To be called before the client's connect(). */
  follow(client: Client): void {
    client.on("auth failure", (methods, isPartial) => {
      this.#methods = methods;
      this.#told = "";
      this.#refuseEarly(isPartial);
      if (isPartial) this.#accept();
      else if (this.#asked?.wasAskedFor(this.#last)) this.#denied.add(this.#last);
    });
    client.on("banner", (text) => {
      this.#told = lines(text).at(-1) ?? this.#told;
    });
    client.on("extensions", (said) => this.#offers.learn(readExtensions(said, client._protocol)));
    client.on("instruction", (name, instruction) => this.#asked?.instruct(name, instruction));
    client.on("change password", (prompt: string) => {
      this.#means.fail(new PasswordChange(this.#target, prompt.trim()));
    });
  }

  /** The first keys have been exchanged, and the server is known. */
  begin(session: Recognised): void {
    this.#voucher = session.voucher;
    this.#offers.begin(session);
  }

  close(): void {
    this.#isOver = true;
    this.#offers.close();
    this.#asked?.close();
    this.#means.keys.close();
  }

  /** The key to offer before its turn, if there is one; to be taken back by withdrawEarly() when it cannot be proven. */
  async offerEarly(known: KnownLogin): Promise<KeyOffer | undefined> {
    if (this.#target.methods.value[0] !== "publickey" || this.#asked !== undefined) return undefined;
    const early = await this.#offers.offerEarly(known);
    if (early !== undefined) this.#last = "publickey";
    return early;
  }

  withdrawEarly(): void {
    this.#offers.withdrawEarly();
    this.#last = "none";
  }

  #refuseEarly(isPartial: boolean): void {
    const { early } = this.#means;
    if (early === undefined || early.isRefused || !this.#offers.endEarly(!isPartial)) return;
    early.refuse();
  }

  /** What was proven last was right, and is not enough. */
  #accept(): void {
    if (this.#last === "publickey") this.#offers.accept();
    else if (this.#last !== "none") {
      this.#answers.push(this.#last);
      this.#denied.delete(this.#last);
    }
    this.#offers.again();
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

  /** Not to get in, but to be told what the server takes. */
  #none(): AnyAuthMethod {
    this.#hasTriedNone = true;
    return { type: "none", username: this.#target.user.value };
  }

  async #step(method: Method): Promise<AnyAuthMethod | OwnMethod | undefined> {
    switch (method) {
      case "publickey":
        return this.#offers.next();
      case "keyboard-interactive":
        return this.#asked?.interactive();
      case "password":
        return this.#asked?.password();
    }
  }
}
