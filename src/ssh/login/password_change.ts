import { Failure } from "../../failure.ts";
import { typed } from "../../target/by_hand.ts";
import type { Target } from "../../target/target.ts";

/** What sshd(8) says to a command, where a key has let in and the password must be changed first (session.c, do_pwchange). */
const WITHOUT_TERMINAL = /^Password change required but no TTY available/;

/** The server runs nothing for the user before the password is changed. What it says holds for the whole connection. */
export class PasswordChange extends Failure {
  /** `said`: the server's own words. */
  constructor({ server, byHand }: Pick<Target, "server" | "byHand">, said: string) {
    super("auth", server, `the server wants the password changed: it says "${said}"`, {
      // With a terminal, whatever ssh_config says: passwd(1) asks on it.
      hints: [`change it: ${typed("ssh", "-t", ...byHand)}`],
    });
    this.name = "PasswordChange";
  }
}

/** The reason why a command has ended, where that is a password which must be changed; else the error as it is. */
export function orPasswordChange(error: unknown, said: string, target: Target): unknown {
  return error instanceof Failure && WITHOUT_TERMINAL.test(said) ? new PasswordChange(target, said) : error;
}
