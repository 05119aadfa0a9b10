import { execFileSync } from "node:child_process";
import { userInfo } from "node:os";
import { type Account, accountIn, accountInFile } from "./passwd.ts";

/**
 * Looks up the password file's entry for a uid, as ssh(1) does for ~, %d and %u. Bun's os.userInfo() answers
 * from $USER and $HOME, so the file is read here; getent(1), which may take 2 s, is asked only for accounts
 * of a directory service.
 */
export function readAccount(uid: number): Account {
  return accountInFile(uid) ?? accountIn(getent(uid), uid) ?? systemsAnswer();
}

function getent(uid: number): string {
  try {
    const stdio: ("ignore" | "pipe")[] = ["ignore", "pipe", "ignore"];
    return execFileSync("getent", ["passwd", String(uid)], { stdio, timeout: 2_000, encoding: "utf8" });
  } catch {
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
