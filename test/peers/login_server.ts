import { spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { userInfo } from "node:os";
import { join } from "node:path";
import type { Mailbox } from "./dovecot.ts";
import { descendantsOf, gone, signal } from "./processes.ts";
import { program } from "./programs.ts";
import { makeTemporary, removeTemporary } from "./temporary.ts";
import { poll } from "./waiting.ts";

/** A running Dovecot that serves a Maildir on a port, to whoever logs in. */
export interface LoginServer extends AsyncDisposable {
  readonly host: string;
  readonly port: number;
  /** Its log so far. */
  log(): string;
  /** Number of logins so far. */
  logins(): number;
}

/** Any user name is good, with this password. */
export const PASSWORD = "secret";

/** The numeric owner of root's Maildir, as makeMailbox() has it. */
const NOBODY = 12345;

/** Starts Dovecot for one protocol on a port that is free; done when it listens. `under` are words in front of it. */
export async function startLoginServer(
  protocol: "pop3" | "imap",
  mailbox: Mailbox,
  port: number,
  under: readonly string[] = [],
): Promise<LoginServer> {
  const folder = makeTemporary();
  chmodSync(folder, 0o755);
  mkdirSync(join(folder, "run"));
  const logFile = join(folder, "log");
  const file = join(folder, "dovecot.conf");
  writeFileSync(logFile, "");
  writeFileSync(file, configuration(folder, protocol, mailbox, port));
  const [first = "", ...words] = [...under, program("dovecot"), "-F", "-c", file];
  const child = spawn(first, words, { stdio: "ignore", cwd: "/" });
  const log = () => readFileSync(logFile, "utf8");
  const pid = child.pid ?? 0;
  await poll(() => /starting up for|Fatal|Error/.test(log()), "Dovecot's start", log);
  return {
    host: "127.0.0.1",
    port,
    log,
    logins: () => log().match(/-login: Info: Login:/g)?.length ?? 0,
    [Symbol.asyncDispose]: async () => {
      const started = descendantsOf(pid);
      child.kill("SIGTERM");
      if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
      for (const left of started) signal(left, "SIGKILL");
      for (const left of started) await gone(left);
      removeTemporary(folder);
    },
  };
}

function configuration(folder: string, protocol: string, mailbox: Mailbox, port: number): string {
  const { uid, gid, username } = userInfo();
  const isRoot = uid === 0;
  const owner = isRoot ? { uid: NOBODY, gid: NOBODY } : { uid, gid };
  // Dovecot wants users of its own for its processes, which only root can become.
  const own = isRoot ? [] : ["login", "internal"].map((kind) => `default_${kind}_user = ${username}`);
  return [
    `base_dir = ${join(folder, "run")}`,
    `log_path = ${join(folder, "log")}`,
    `protocols = ${protocol}`,
    "ssl = no",
    "listen = 127.0.0.1",
    "mail_location = maildir:~/Maildir",
    "disable_plaintext_auth = no",
    ...own,
    "first_valid_uid = 1",
    `passdb {\n driver = static\n args = password=${PASSWORD}\n}`,
    `userdb {\n driver = static\n args = uid=${owner.uid} gid=${owner.gid} home=${mailbox.path}\n}`,
    `service ${protocol}-login {\n chroot =\n inet_listener ${protocol} {\n port = ${port}\n }`,
    ` inet_listener ${protocol}s {\n port = 0\n }\n}`,
    "service anvil {\n chroot =\n}",
    "",
  ].join("\n");
}
