import { readdirSync } from "node:fs";
import { join } from "node:path";
import { stateDirectory } from "../state/directory.ts";
import { VERSION } from "./protocol.ts";
import type { Role, Whose } from "./socket_place.ts";

/** Masters first: they have the mailboxes. */
const ROLES: readonly Role[] = ["master", "forwards"];

/**
 * The sockets of this user's masters, and of what keeps forwards without one, in every place where they may listen: a
 * variable of the environment, the machine's name or the runtime directory may have been another when they were started.
 * Those of other machines that share the home are among them, and answer nobody here.
 */
export function allSockets({ env, home, uid }: Pick<Whose, "env" | "home" | "uid">): readonly string[] {
  const runtimes = [env.XDG_RUNTIME_DIR, `/run/user/${uid}`, env.TMPDIR].filter((one) =>
    one?.startsWith("/"),
  );
  const directories = [
    ...runtimes.map((one) => join(one ?? "/", "preauth")),
    join(stateDirectory(env, home), "run"),
  ];
  const found = [...new Set(directories)].flatMap((directory) =>
    namesIn(directory).map((name) => ({ name, path: join(directory, name) })),
  );
  return ROLES.flatMap((role) => {
    const own = new RegExp(`^(?:.+-)?${role}-${VERSION}\\.\\d{1,15}$`);
    return found.filter(({ name }) => own.test(name)).map(({ path }) => path);
  });
}

function namesIn(directory: string): readonly string[] {
  try {
    return readdirSync(directory);
  } catch {
    return [];
  }
}
