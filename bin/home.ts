import { accountIn, accountInFile } from "../src/target/passwd.ts";

/** Milliseconds for a directory service that answers, or does not. */
const PATIENCE = 1000;

/**
 * $HOME, unless it is relative or empty: then it would be the directory that one happens to be in. Without it the password
 * file's, and for an account that is not in that (a directory service's, or any of macOS) what getent(1) or `id -P` says.
 */
export function homeDirectory(env: NodeJS.ProcessEnv, uid: number): string {
  const { HOME = "" } = env;
  if (HOME.startsWith("/")) return HOME;
  return accountInFile(uid)?.home ?? said("getent", "passwd", uid) ?? said("id", "-P", uid) ?? "/";
}

function said(program: string, option: string, uid: number): string | undefined {
  const { spawnSync } = process.getBuiltinModule("node:child_process");
  const { stdout } = spawnSync(program, [option, String(uid)], {
    encoding: "utf8",
    stdio: ["ignore", "pipe", "ignore"],
    timeout: PATIENCE,
    killSignal: "SIGKILL",
  });
  const home = accountIn(stdout ?? "", uid)?.home;
  return home?.startsWith("/") === true ? home : undefined;
}
