import { readFileSync } from "node:fs";

/** The caller's entry in the password file. */
export interface Account {
  readonly user: string;
  readonly home: string;
}

/** The first line of passwd(5), or of BSD's master.passwd(5), with this uid, as getpwuid(3) takes it. */
export function accountIn(passwd: string, uid: number): Account | undefined {
  for (const line of passwd.split("\n")) {
    const fields = line.split(":");
    const [user, , number] = fields;
    const home = fields.length < 6 ? undefined : fields.length < 10 ? fields[5] : fields[8];
    if (user && number === String(uid) && home !== undefined) return { user, home };
  }
  return undefined;
}

/** The same of this machine's password file; undefined when it has no such line. */
export function accountInFile(uid: number): Account | undefined {
  try {
    return accountIn(readFileSync("/etc/passwd", "utf8"), uid);
  } catch {
    return undefined;
  }
}
