import {
  appendFileSync,
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  renameSync,
  rmSync,
  symlinkSync,
} from "node:fs";
import { join } from "node:path";
import { debianRelease, miss, run, unpackDebian, unpackSource } from "./debian.mjs";
import { root } from "./npm.mjs";

/**
 * The mail hosts of the tests: Debian's releases with the Dovecots that people have, 2.3 and 2.4, and in the first one the
 * imapds of Courier and Cyrus, which cannot be installed beside them, and UW's, which Debian has as source alone.
 */
const HOSTS = [
  { suite: "bookworm", groups: [["dovecot-imapd"], ["courier-imap"], ["cyrus-imapd"]], uw: true },
  { suite: "trixie", groups: [["dovecot-imapd"]], uw: false },
];

/** Where UW's imapd is put, below the root: off the PATH. */
const UW = "opt/uw/imapd";

/** Enough for a login shell's line. */
const TOOLS = ["dash", "coreutils", "base-files", "grep", "findutils"];

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
  for (const { suite, groups, uw } of HOSTS) {
    const folder = join(root, "test", ".cache", suite);
    const wanted = ["bin/grep", ...MOUNTED_ON, ...(uw ? [UW] : [])];
    if (wanted.every((name) => existsSync(join(folder, name)))) continue;
    if (debianRelease() === undefined) return miss("no Debian to take other Dovecots from");
    process.stdout.write(`setup: the Dovecot of Debian ${suite}, in a root of its own\n`);
    try {
      const [first, ...others] = groups;
      unpackDebian(folder, {
        ...{ suite, groups: [[...TOOLS, ...first], ...others], depends: true },
        finish: (made) => {
          finish(made);
          if (uw) buildUw(suite, join(made, UW));
        },
      });
    } catch (error) {
      miss(error.message);
    }
  }
}

/** Builds the imapd of c-client's authors, which is in Alpine's source, in some seconds. */
function buildUw(suite, file) {
  const work = `${file}.source`;
  unpackSource(work, suite, "alpine");
  const imap = join(work, "imap");
  // It asks whether it is meant, without TLS and with IPv6.
  run("make", ["-s", "slx", "IP=6", "SSLTYPE=none", "EXTRACFLAGS=-w -O0 -g0"], imap, "y\ny\n");
  cpSync(join(imap, "imapd", "imapd"), file);
  rmSync(work, { recursive: true, force: true });
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
  symlinkSync("../mail", join(folder, "var", "spool", "mail"));
  chmodSync(join(folder, "home"), 0o755);
}
