import { spawnSync } from "node:child_process";
import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";
import { createInterface } from "node:readline/promises";
import { INSTALL } from "./install.mjs";

/** Programs of others that are run, the Debian package that brings each, and for what it is needed. */
const PEERS = [
  { program: "sshd", package: "openssh-server", need: "demo", why: "the server that is logged in to" },
  { program: "ssh", package: "openssh-client", need: "demo", why: "ssh -G, ssh-keygen, ssh-agent" },
  { program: "imap", package: "dovecot-imapd", need: "demo", why: "the IMAP server behind it" },
  { program: "setpriv", package: "util-linux", need: "demo", why: "runs Dovecot as another user than root" },
  { program: "alpine", package: "alpine", need: "alpine", why: "the mail client" },
  { program: "mutt", package: "mutt", need: "test", why: "another mail client" },
  { program: "thunderbird", package: "thunderbird", need: "test", why: "reads mail from a port" },
  { program: "Xvfb", package: "xvfb", need: "test", why: "the display that it is shown on" },
  { program: "claws-mail", package: "claws-mail", need: "test", why: "another mail client, on that display" },
  { program: "evolution", package: "evolution", need: "test", why: "another mail client, on that display" },
  { program: "dbus-run-session", package: "dbus", need: "test", why: "the bus that it wants" },
  { program: "curl", package: "curl", need: "test", why: "reads mail from a port" },
  { program: "imapfilter", package: "imapfilter", need: "test", why: "reads mail from a port" },
  { program: "getmail", package: "getmail6", need: "test", why: "fetches mail with a password" },
  { program: "mbsync", package: "isync", need: "test", why: "another mail client" },
  { program: "offlineimap", package: "offlineimap3", need: "test", why: "another mail client" },
  { program: "neomutt", package: "neomutt", need: "test", why: "another mail client" },
  { program: "interimap", package: "interimap", need: "test", why: "keeps mailboxes alike" },
  { program: "pullimap", package: "pullimap", need: "test", why: "hands mail to an SMTP server" },
  { program: "git", package: "git", need: "test", why: "sends patches and drafts" },
  { program: "git-send-email", package: "git-email libmailtools-perl", need: "test", why: "sends patches" },
  { program: "emacs", package: "emacs-nox", need: "test", why: "another mail client, Gnus" },
  { program: "fetchmail", package: "fetchmail", need: "test", why: "fetches mail by IMAP and POP3" },
  { program: "pop3", package: "dovecot-pop3d", need: "test", why: "a POP3 server" },
  { program: "aiosmtpd", package: "python3-aiosmtpd", need: "test", why: "an SMTP server" },
  { program: "openssl", package: "openssl", need: "test", why: "makes certificates of servers" },
  { program: "ip", package: "iproute2", need: "test", why: "gives a test a network of its own" },
  { program: "dropbear", package: "dropbear-bin", need: "test", why: "another SSH server" },
  { program: "gpg-agent", package: "gpg-agent", need: "test", why: "another agent" },
  { program: "gpgconf", package: "gpgconf", need: "test", why: "tells where it listens" },
  { program: "puttygen", package: "putty-tools", need: "test", why: "makes keys in PuTTY's format" },
  { program: "tinysshd", package: "tinysshd", need: "test", why: "an SSH server that has ChaCha20 alone" },
  { program: "tmux", package: "tmux", need: "test", why: "the terminal that mail clients run in" },
  { program: "strace", package: "strace", need: "test", why: "shows whether a socket was opened" },
  { program: "groff", package: "groff-base", need: "test", why: "checks the man pages" },
  { program: "mandoc", package: "mandoc", need: "test", why: "checks the man pages, too" },
  { program: "tcsh", package: "tcsh", need: "test", why: "a login shell unlike sh" },
  { program: "zsh", package: "zsh", need: "test", why: "a shell that completes words" },
  { program: "bash", package: "bash", need: "test", why: "a shell that completes words" },
  { program: "fish", package: "fish", need: "test", why: "a login shell unlike sh" },
  { program: "perl", package: "perl-base", need: "test", why: "a listener that never answers" },
  { program: "strip", package: "binutils", need: "test", why: "what packagers do to an executable" },
  { program: "make", package: "make", need: "test", why: "builds UW's imapd" },
  { program: "gcc", package: "gcc libc6-dev", need: "test", why: "builds UW's imapd, a security key" },
  { program: "systemd-analyze", package: "systemd", need: "test", why: "reads units" },
  { program: "systemd-socket-activate", package: "systemd", need: "test", why: "listens for a service" },
  { program: "script", package: "bsdutils", need: "test", why: "a terminal for one program" },
  { program: "dbclient", package: "dropbear-bin", need: "bench", why: "another SSH client to compare with" },
  { program: "plink", package: "putty-tools", need: "bench", why: "another SSH client to compare with" },
  { program: "socat", package: "socat", need: "bench", why: "a local port to compare with" },
  { program: "perl", package: "perl-base", need: "bench", why: "a script to compare with" },
  { program: "dpkg-deb", package: "dpkg", need: "test", why: "makes a package of the program" },
  { program: "xz", package: "xz-utils", need: "test", why: "packs it" },
  { program: "rpmbuild", package: "rpm", need: "release", why: "makes packages for Fedora and its like" },
  { program: "rpm2cpio", package: "rpm2cpio", need: "release", why: "opens them" },
  { program: "cpio", package: "cpio", need: "release", why: "opens them" },
  { program: "lintian", package: "lintian", need: "release", why: "looks through packages for Debian" },
  {
    program: "qemu-aarch64-static",
    package: "qemu-user-static",
    need: "release",
    why: "runs what is for arm64",
  },
  { program: "ld-musl-config", package: "musl", need: "release", why: "runs what is for musl" },
  { program: "gcc", package: "gcc", need: "release", why: "makes a library that musl lacks" },
  {
    program: "aarch64-linux-gnu-gcc",
    package: "gcc-aarch64-linux-gnu",
    need: "release",
    why: "the same for arm64",
  },
  { program: "dd", package: "coreutils", need: "bench", why: "reads and writes at full speed" },
  { program: "ip", package: "iproute2", need: "bench", why: "makes a line of two ends" },
  { program: "ethtool", package: "ethtool", need: "bench", why: "has the line's packets whole" },
];

/** Places of programs that are not on everybody's PATH; the same as in test/peers/programs.ts. */
const ELSEWHERE = [
  "/usr/sbin",
  "/sbin",
  "/usr/local/sbin",
  "/usr/lib/dovecot",
  "/usr/libexec/dovecot",
  "/usr/local/libexec/dovecot",
  "/usr/lib/git-core",
];

/**
 * Installs the Debian packages whose programs are missing for one of `needs`. Without them: an error when
 * `required` or in CI, otherwise a line, and on.
 */
export async function providePeers(needs, required) {
  const missing = missingPeers(needs);
  if (missing.length === 0) return;
  process.stdout.write("setup: programs that are missing here:\n");
  for (const peer of missing) {
    process.stdout.write(`  ${peer.program.padEnd(9)} ${peer.package.padEnd(16)} ${peer.why}\n`);
  }
  const packages = [...new Set(missing.flatMap((peer) => peer.package.split(" ")))];
  const reason = hasApt() ? await installDebian(packages) : "install them by the system's own means";
  const still = missingPeers(needs).map((peer) => peer.program);
  if (still.length === 0) return;
  const line = `missing: ${still.join(", ")}${reason === undefined ? "" : `; ${reason}`}`;
  if (required || process.env.CI === "true") throw new Error(line);
  process.stdout.write(`setup: ${line}\n`);
}

function missingPeers(needs) {
  // What only root's tests need is not asked of others: they serve mail as themselves.
  const isRoot = process.getuid?.() === 0;
  return PEERS.filter((peer) => needs.includes(peer.need) && (isRoot || peer.program !== "setpriv")).filter(
    (peer) => !isThere(peer.program),
  );
}

function isThere(program) {
  const folders = [...(process.env.PATH ?? "").split(delimiter), ...ELSEWHERE];
  return folders.some((folder) => {
    try {
      accessSync(join(folder, program), constants.X_OK);
      return folder !== "";
    } catch {
      return false;
    }
  });
}

function hasApt() {
  return isThere("dpkg") && isThere("apt-get");
}

/** Installs them when it may. Gives what the user can do when it did not, else undefined. */
async function installDebian(packages) {
  const isRoot = process.getuid?.() === 0;
  const sudo = !isRoot && isThere("sudo");
  const free = isRoot || (sudo && spawnSync("sudo", ["-n", "true"], { stdio: "ignore" }).status === 0);
  const asks = process.stdin.isTTY === true && process.stdout.isTTY === true && process.env.CI !== "true";
  const command = `apt-get install --no-install-recommends ${packages.join(" ")}`;
  const advice = `to install: ${isRoot ? "" : "sudo "}${command}`;
  if (!free && !(asks && sudo)) return advice;
  if (asks && !(await confirm(`Install ${packages.join(" ")}? [Y/n] `))) return advice;

  const words = ["sh", "-c", INSTALL, "sh", ...packages];
  const [program, ...rest] = isRoot ? words : ["sudo", ...words];
  // Ctrl-C goes to apt-get too; we wait until the script has put everything back.
  const wait = () => {};
  process.on("SIGINT", wait);
  process.stdout.write(`setup: installing ${packages.join(" ")}\n`);
  const result = spawnSync(program, rest, { stdio: "inherit" });
  process.off("SIGINT", wait);
  if (result.status === 130 || result.signal === "SIGINT") process.exit(130);
  return result.status === 0 ? undefined : advice;
}

/** Enter is yes; the end of input is no. */
async function confirm(question) {
  const terminal = createInterface({ input: process.stdin, output: process.stdout });
  terminal.on("SIGINT", () => process.exit(130));
  const closed = new Promise((resolve) => terminal.once("close", () => resolve("n")));
  const answer = await Promise.race([terminal.question(question), closed]);
  terminal.close();
  return /^\s*(y(es)?)?\s*$/i.test(answer);
}
