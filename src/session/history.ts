import type { KnownLogin, LoginHistory } from "../ssh/login/known_login.ts";
import { stateDirectory } from "../state/directory.ts";
import { Familiar } from "../state/familiar.ts";
import type { Target } from "../target/target.ts";
import type { World } from "../world.ts";

/** What one call knows of logins that have worked, and leaves behind for others. */
export class History implements LoginHistory {
  readonly #familiar: Familiar;
  readonly #isHeeded: boolean;

  /** `isHeeded`: whether a login may build on it; where not, it goes step by step, and its success begins anew. */
  constructor(world: World, { host, port, user, proxyCommand }: Target, isHeeded: boolean) {
    this.#familiar = new Familiar(stateDirectory(world.env, world.home), world.pid, {
      ...{ host: host.value, port: port.value, user: user.value, proxyCommand: proxyCommand.value },
    });
    this.#isHeeded = isHeeded;
  }

  recall(): KnownLogin | undefined {
    return this.#isHeeded ? this.#familiar.recall() : undefined;
  }

  remember(login: KnownLogin): void {
    if (!this.#isHeeded) this.#familiar.forget();
    this.#familiar.remember(login);
  }

  forget(): void {
    this.#familiar.forget();
  }

  avoid(version: string): void {
    this.#familiar.avoid(version);
  }
}
