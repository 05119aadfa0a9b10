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
    const home = homeAmong(fields);
    if (user && number === String(uid) && home !== undefined) return { user, home };
  }
  return undefined;
}

/** The same of a name, as getpwnam(3) takes it: that user's home. */
export function homeIn(passwd: string, user: string): string | undefined {
  for (const line of passwd.split("\n")) {
    const fields = line.split(":");
    const home = homeAmong(fields);
    if (fields[0] === user && home) return home;
  }
  return undefined;
}

function homeAmong(fields: readonly string[]): string | undefined {
  if (fields.length < 6) return undefined;
  return fields.length < 10 ? fields[5] : fields[8];
}

/** This machine's password file; empty when it cannot be read. */
export function passwordFile(): string {
  try {
    return readFileSync("/etc/passwd", "utf8");
  } catch {
    return "";
  }
}

/** An entry of this machine's password file; undefined when it has no such line. */
export function accountInFile(uid: number): Account | undefined {
  return accountIn(passwordFile(), uid);
}
