import { appendFileSync, chmodSync, cpSync, existsSync, mkdirSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { debianRelease, miss, unpackDebian } from "./debian.mjs";
import { root } from "./npm.mjs";

/**
 * The mail hosts of the tests: Debian's releases with the Dovecots that people have, 2.3 and 2.4, and in the first one
 * Courier's imapd, which cannot be installed beside them.
 */
const HOSTS = [
  { suite: "bookworm", groups: [["dovecot-imapd"], ["courier-imap"]] },
  { suite: "trixie", groups: [["dovecot-imapd"]] },
];

/** Enough for a login shell's line. */
const TOOLS = ["dash", "coreutils", "base-files"];

/** Accounts that Dovecot's configuration asks for. */
const PASSWD = [
  "root:x:0:0::/root:/bin/sh",
  "jane:x:12345:12345::/home/jane:/bin/sh",
  "dovecot:x:104:105::/:/bin/false",
  "dovenull:x:105:106::/:/bin/false",
];
const GROUP = ["root:x:0:", "mail:x:8:", "jane:x:12345:", "dovecot:x:105:", "dovenull:x:106:"];

/** Where each test mounts something of its own. */
const MOUNTED_ON = ["home/jane", "srv/jane", "dev", "var/mail"];

/** What nobody reads there. */
const IDLE = ["doc", "man", "locale", "info", "lintian", "perl"];

/**
 * Unpacks a root for each below test/.cache, once, with the configuration that Debian's package makes. Nothing is
 * installed. test/peers/mail_host.ts leads an sshd into them.
 */
export function provideMailHosts() {
  for (const { suite, groups } of HOSTS) {
    const folder = join(root, "test", ".cache", suite);
    if (MOUNTED_ON.every((name) => existsSync(join(folder, name)))) continue;
    if (debianRelease() === undefined) return miss("no Debian to take other Dovecots from");
    process.stdout.write(`setup: the Dovecot of Debian ${suite}, in a root of its own\n`);
    try {
      const [first, ...others] = groups;
      unpackDebian(folder, { suite, groups: [[...TOOLS, ...first], ...others], depends: true, finish });
    } catch (error) {
      miss(error.message);
    }
  }
}

/** What the packages' scripts would do. */
function finish(folder) {
  for (const name of IDLE) rmSync(join(folder, "usr", "share", name), { recursive: true, force: true });
  const configuration = join(folder, "etc", "dovecot");
  mkdirSync(configuration, { recursive: true });
  for (const name of ["dovecot.conf", "conf.d"]) {
    cpSync(join(folder, "usr", "share", "dovecot", name), join(configuration, name), { recursive: true });
  }
  appendFileSync(join(folder, "etc", "passwd"), `${PASSWD.join("\n")}\n`);
  appendFileSync(join(folder, "etc", "group"), `${GROUP.join("\n")}\n`);
  // Off the PATH, so that both can be found. What it has in /usr/sbin starts its server.
  const courier = join(folder, "usr", "bin", "imapd");
  if (existsSync(courier)) {
    mkdirSync(join(folder, "opt", "courier"), { recursive: true });
    renameSync(courier, join(folder, "opt", "courier", "imapd"));
    rmSync(join(folder, "usr", "sbin", "imapd"), { force: true });
  }
  for (const name of MOUNTED_ON) mkdirSync(join(folder, name), { recursive: true });
  chmodSync(join(folder, "home"), 0o755);
}
