import { bounded, orAborted } from "../abort.ts";
import type { RemoteCommand } from "../ssh/channel/remote_command.ts";
import { type Connection, Prohibition } from "../ssh/connection.ts";
import { orPasswordChange } from "../ssh/login/password_change.ts";
import { Remarks } from "./remarks.ts";

/** Does nothing in any shell. */
const NOTHING = "exit";

/** Milliseconds in which the server has said why it runs no command. */
const LIMIT = 2000;

/**
 * Why the server connects to no port. sshd(8) forbids it to an account whose password must be changed first, without a
 * word of that (auth-pam.c, sshpam_password_change_required); a command is told. Gives the error as it is for any other reason.
 * Throws the signal's reason.
 */
export async function orExpiredPassword(
  error: unknown,
  connection: Pick<Connection, "exec" | "target">,
  signal: AbortSignal,
): Promise<unknown> {
  if (!(error instanceof Prohibition)) return error;
  const remarks = new Remarks(() => {});
  let remote: RemoteCommand | undefined;
  try {
    await bounded(LIMIT, signal, async (inTime) => {
      remote = await connection.exec(NOTHING, { signal: inTime });
      remarks.listenTo(remote.stderr);
      const says = new Promise((resolve) => remote?.stdout.on("data", resolve));
      await orAborted(Promise.race([remote.ended, says]), inTime);
    });
  } catch {
    // It runs none, or the command that the key is bound to, which goes on.
    signal.throwIfAborted();
  } finally {
    remote?.hangUp();
  }
  return orPasswordChange(error, remarks.last, connection.target);
}
