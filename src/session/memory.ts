import { LoginFailure } from "../ssh/login/login_failure.ts";
import { stateDirectory } from "../state/directory.ts";
import { Familiar } from "../state/familiar.ts";
import { Patience } from "../state/patience.ts";
import { Refused } from "../state/refused.ts";
import { Unreachable } from "../state/unreachable.ts";
import type { Target } from "../target/target.ts";
import type { World } from "../world.ts";

/** What is remembered of a target between calls. */
export interface Memory {
  readonly unreachable: Unreachable;
  readonly refused: Refused;
  readonly patience: Patience;
  readonly familiar: Familiar;
}

/** `isHeeded`: whether a remembered failure ends a call at once, and a login builds on one that has worked. */
export function memoryOf(
  { env, home, pid }: World,
  { server, host, port, user, proxyCommand }: Target,
  isHeeded: boolean,
): Memory {
  const directory = stateDirectory(env, home);
  const access = {
    ...{ host: host.value, port: port.value, user: user.value, proxyCommand: proxyCommand.value },
  };
  return {
    unreachable: new Unreachable(directory, pid),
    refused: new Refused(directory, pid, access, { server, isHeeded }),
    patience: new Patience(directory, pid, access),
    familiar: new Familiar(directory, pid, access, isHeeded),
  };
}

/** A login has come to this end. */
export function rememberRefusal(error: unknown, { refused, patience }: Memory): void {
  if (!(error instanceof LoginFailure)) return;
  if (error.brokenOff !== undefined) patience.remember(error.brokenOff);
  if (error.refusedKeys !== undefined) refused.remember(error.refusedKeys, error);
}
