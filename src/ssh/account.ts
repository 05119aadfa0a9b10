import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { userInfo } from "node:os";

/** The caller's entry in the password file. */
export interface Account {
  readonly user: string;
  readonly home: string;
}

/**
 * Looks up the password file's entry for a uid, as ssh(1) does for ~, %d and %u. Bun's os.userInfo() answers
 * from $USER and $HOME, so the file is read here; getent(1), which may take 2 s, is asked only for accounts
 * of a directory service.
 */
export function readAccount(uid: number): Account {
  return accountIn(passwdFile(), uid) ?? accountIn(getent(uid), uid) ?? systemsAnswer();
}

/** The first line of passwd(5) with this uid, as getpwuid(3) takes it. */
export function accountIn(passwd: string, uid: number): Account | undefined {
  for (const line of passwd.split("\n")) {
    const [user, , number, , , home] = line.split(":");
    if (user && number === String(uid) && home !== undefined) return { user, home };
  }
  return undefined;
}

function passwdFile(): string {
  try {
    return readFileSync("/etc/passwd", "utf8");
  } catch {
    return "";
  }
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
