import { lstatSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { stateDirectory } from "../state/directory.ts";
import { VERSION } from "./protocol.ts";
import type { Role, Whose } from "./socket_place.ts";

/** Masters first: they have the mailboxes. */
const ROLES: readonly Role[] = ["master", "forwards"];

/**
 * The sockets of this user's masters, and of what keeps forwards without one, in every place where they may listen: a
 * variable of the environment, the machine's name or the runtime directory may have been another when they were started.
 * No socket of another user's, to which root could connect. Those of other machines that share the home are among them, and
 * answer nobody here.
 */
export function allSockets({ env, home, uid }: Pick<Whose, "env" | "home" | "uid">): readonly string[] {
  const runtimes = [env.XDG_RUNTIME_DIR, `/run/user/${uid}`, env.TMPDIR].filter((one) =>
    one?.startsWith("/"),
  );
  const directories = [
    ...runtimes.map((one) => join(one ?? "/", "preauth")),
    join(stateDirectory(env, home), "run"),
    ...boundDirectories(home),
  ];
  const found = [...new Set(directories)]
    .flatMap((directory) => namesIn(directory).map((name) => ({ name, path: join(directory, name) })))
    .filter(({ path }) => ownerOf(path) === uid);
  return ROLES.flatMap((role) => {
    const own = new RegExp(`^(?:.+-)?${role}-${VERSION}\\.\\d{1,15}$`);
    return found.filter(({ name }) => own.test(name)).map(({ path }) => path);
  });
}

/**
 * Directories of what listens on this machine, and has this home: by the names under which the sockets were bound, with
 * the numbers of the processes (withDraft() in generations.ts). Empty where the system does not tell (proc(5)).
 */
function boundDirectories(home: string): readonly string[] {
  const bound = new RegExp(`(/.*)/(?:[^/]+-)?(?:${ROLES.join("|")})-${VERSION}\\.new-(\\d+)$`, "gm");
  return [...(textOf("/proc/net/unix") ?? "").matchAll(bound)].flatMap(([, directory = "/", pid]) => {
    const isOurs = textOf(`/proc/${pid}/environ`)?.split("\0").includes(`HOME=${home}`) === true;
    return isOurs ? [directory] : [];
  });
}

function textOf(file: string): string | undefined {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return undefined;
  }
}

function ownerOf(path: string): number | undefined {
  try {
    return lstatSync(path).uid;
  } catch {
    return undefined;
  }
}

function namesIn(directory: string): readonly string[] {
  try {
    return readdirSync(directory);
  } catch {
    return [];
  }
}
