import { userInfo } from "node:os";
import { type Account, accountIn, accountInFile, homeIn, passwordFile } from "./passwd.ts";
import { runProgram } from "./run_program.ts";

/**
 * Looks up the password file's entry for a uid, as ssh(1) does for ~, %d and %u. Bun's os.userInfo() answers
 * from $USER and $HOME, so the file is read here; getent(1), which waits for a directory service, is asked
 * only for accounts that are not in it. macOS has neither: there `id -P` says it. Throws only the signal's reason.
 */
export async function readAccount(uid: number, signal: AbortSignal): Promise<Account> {
  return (
    accountInFile(uid) ??
    accountIn(await said("getent", ["passwd", String(uid)], signal), uid) ??
    accountIn(await said("id", ["-P", String(uid)], signal), uid) ??
    systemsAnswer()
  );
}

/** The homes of the users that paths begin with, as in ~jane/key; those that there are not are left out. */
export async function readHomes(
  paths: readonly string[],
  signal: AbortSignal,
): Promise<ReadonlyMap<string, string>> {
  const users = paths.map((path) => /^~([^/]+)/.exec(path)?.[1]).filter((user) => user !== undefined);
  const homes = new Map<string, string>();
  for (const user of new Set(users)) {
    const home =
      homeIn(passwordFile(), user) ??
      homeIn(await said("getent", ["passwd", "--", user], signal), user) ??
      homeIn(await said("id", ["-P", "--", user], signal), user);
    if (home !== undefined) homes.set(user, home);
  }
  return homes;
}

async function said(program: string, words: readonly string[], signal: AbortSignal): Promise<string> {
  try {
    return (await runProgram(program, words, { signal }))?.stdout ?? "";
  } catch {
    signal.throwIfAborted();
    return "";
  }
}

function systemsAnswer(): Account {
  try {
    const { username, homedir } = userInfo();
    return { user: username, home: homedir };
  } catch {
    return { user: "nobody", home: "/" };
  }
}
