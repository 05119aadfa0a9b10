import { Failure } from "../failure.ts";
import { LoginFailure } from "../ssh/login/login_failure.ts";
import type { LoginMemory } from "../ssh/login/refused_before.ts";
import { stateDirectory } from "../state/directory.ts";
import { type BrokenOff, Patience } from "../state/patience.ts";
import { Refused, type Refusing } from "../state/refused.ts";
import type { Target } from "../target/target.ts";
import type { World } from "../world.ts";

/** How often a call looks whether another one is through with the same login. */
const LOOK_MS = 10;

/** What one call knows of refused logins, and leaves behind for others. Call leave() at the end. */
export class Refusals implements LoginMemory {
  readonly mayHold: boolean;
  readonly #patience: Patience;
  readonly #refused: Refused;
  readonly #refusing: Refusing;
  readonly #server: string;
  readonly #isHeeded: boolean;
  #claimed: readonly string[] | undefined;

  /** `isHeeded`: whether a remembered refusal ends the call; where it does not, a success clears it. */
  constructor(world: World, { server, host, port, user, proxyCommand }: Target, isHeeded: boolean) {
    this.#refused = new Refused(stateDirectory(world.env, world.home), world.pid);
    this.#refusing = {
      ...{ host: host.value, port: port.value, user: user.value, proxyCommand: proxyCommand.value },
    };
    this.#patience = new Patience(stateDirectory(world.env, world.home), world.pid, this.#refusing);
    this.#server = server;
    this.#isHeeded = isHeeded;
    this.mayHold = isHeeded && this.#refused.has(this.#refusing);
  }

  get brokenOff(): BrokenOff | undefined {
    return this.#patience.recall();
  }

  recall(keys: readonly string[]): void {
    const refusal = this.#refused.recall(this.#refusing, keys);
    if (refusal === undefined) return;
    const ago = Math.round(refusal.age / 1000);
    const what = `${refusal.what} (${ago} s ago, and not tried again within a minute)`;
    const hints = [...refusal.hints, `try at once: preauth --check ${this.#server}`];
    throw new Failure("auth", this.#server, what, { hints });
  }

  async enter(keys: readonly string[], signal: AbortSignal): Promise<void> {
    if (!this.#isHeeded) return;
    if (this.#refused.claim(this.#refusing, keys)) this.#claimed = keys;
    while (this.#claimed === undefined && this.#refused.isClaimed(this.#refusing, keys)) {
      await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
      signal.throwIfAborted();
    }
    this.recall(keys);
  }

  /** The login has come to this end. */
  remember(error: unknown): void {
    if (!(error instanceof LoginFailure)) return;
    if (error.brokenOff !== undefined) this.#patience.remember(error.brokenOff);
    if (error.refusedKeys === undefined) return;
    this.#refused.remember(this.#refusing, error.refusedKeys, error);
  }

  /** The user is in. */
  forget(): void {
    if (!this.#isHeeded) this.#refused.forget(this.#refusing);
  }

  leave(): void {
    if (this.#claimed !== undefined) this.#refused.release(this.#refusing, this.#claimed);
  }
}
