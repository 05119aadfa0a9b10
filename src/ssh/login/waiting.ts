import type { Progress } from "../../progress.ts";
import type { Target } from "../../target/target.ts";
import type { Waiting } from "./candidate.ts";

/** What a login is doing as long as it waits for nothing in particular. */
export function loggingIn({ server, user }: Target): string {
  return `logging in to ${server} as ${user.value}`;
}

/** Tells what a search for keys waits for, once the login waits for it too. */
export function waitingIn({ progress }: { readonly progress: Progress }, target: Target): Waiting {
  return (what) => {
    if (progress.step === "auth") progress.begin("auth", what || loggingIn(target));
  };
}
