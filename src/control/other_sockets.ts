import { readdirSync } from "node:fs";
import { join } from "node:path";
import { stateDirectory } from "../state/directory.ts";
import { VERSION } from "./protocol.ts";
import type { Whose } from "./socket_place.ts";

/**
 * The sockets of this user's masters in every place where one may listen: a variable of the environment, the machine's
 * name or the runtime directory may have been another when it was started. Those of other machines that share the home are
 * among them, and answer nobody here.
 */
export function allSockets({ env, home, uid }: Pick<Whose, "env" | "home" | "uid">): readonly string[] {
  const runtimes = [env.XDG_RUNTIME_DIR, `/run/user/${uid}`, env.TMPDIR].filter((one) =>
    one?.startsWith("/"),
  );
  const directories = [
    ...runtimes.map((one) => join(one ?? "/", "preauth")),
    join(stateDirectory(env, home), "run"),
  ];
  const name = new RegExp(`^(?:.+-)?master-${VERSION}\\.\\d{1,15}$`);
  return [...new Set(directories)].flatMap((directory) =>
    namesIn(directory)
      .filter((one) => name.test(one))
      .map((one) => join(directory, one)),
  );
}

function namesIn(directory: string): readonly string[] {
  try {
    return readdirSync(directory);
  } catch {
    return [];
  }
}
