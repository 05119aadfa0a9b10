import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { chmodSync, copyFileSync, existsSync, mkdirSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { after, test } from "node:test";
import { remoteCommandLine } from "../../../src/table/imapd.ts";
import { findProgram, program } from "../../peers/programs.ts";
import { makeTemporary, removeTemporary } from "../../peers/temporary.ts";

const SHELLS = ["sh", "bash", "dash", "tcsh", "fish"];
const HOME = "/home/jane doe";
/** What sshd(8) gives to a command. */
const PATH = "/usr/local/bin:/usr/bin:/bin";

/** Every place, in the order in which it is to be found. */
const PLACES = [
  "/etc/rimapd",
  "/usr/bin/imapd",
  `${HOME}/bin/imapd`,
  "/usr/sbin/imapd",
  "/usr/local/sbin/imapd",
  "/usr/libexec/dovecot/imap",
  "/usr/lib/dovecot/imap",
  "/usr/local/libexec/dovecot/imap",
];

/** A root directory of its own with nothing but shells in it, so that /etc and /usr can be filled at will. */
const root = makeTemporary();
after(() => removeTemporary(root));
mkdirSync(join(root, HOME), { recursive: true });
mkdirSync(join(root, "dev"));
writeFileSync(join(root, "dev/null"), "");
for (const shell of SHELLS.filter((name) => findProgram(name) !== undefined)) {
  const real = realpathSync(program(shell));
  install(real, `/bin/${shell}`);
  for (const library of execFileSync("ldd", [real], { encoding: "utf8" }).match(/\/[^ )]+/g) ?? []) {
    install(realpathSync(library), library);
  }
}

function install(from: string, to: string): void {
  mkdirSync(dirname(join(root, to)), { recursive: true });
  if (!existsSync(join(root, to))) copyFileSync(from, join(root, to));
}

/** Puts an imapd at a place that prints where it stands; with another mode it is none. */
function plant(place: string, mode = 0o755): void {
  const file = join(root, place);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, `#!/bin/sh\necho "$0"\nexit 3\n`);
  chmodSync(file, mode);
}

/** Runs a line as sshd does: by the login shell, in the home directory. */
function run(shell: string, line: string) {
  // Root may change its root directory as it is, others in a user namespace of their own.
  const namespace = process.getuid?.() === 0 ? [] : ["--user", "--map-root-user"];
  const words = [...namespace, `--root=${root}`, `--wd=${HOME}`, `/bin/${shell}`, "-c", line];
  const env = { HOME, PATH, USER: "jane", SHELL: `/bin/${shell}` };
  const { status, stdout, stderr } = spawnSync(program("unshare"), words, { env, encoding: "utf8" });
  return { status, stdout, stderr };
}

const SEARCH = remoteCommandLine({ kind: "auto" });

for (const shell of SHELLS) {
  const skip = findProgram(shell) === undefined && `${shell} is missing`;

  test(`the imapd is found in the order of the manual when the login shell is ${shell}`, { skip }, () => {
    for (const place of PLACES) plant(place);
    for (const place of PLACES) {
      assert.deepEqual(run(shell, SEARCH), { status: 3, stdout: `${place}\n`, stderr: "" });
      rmSync(join(root, place));
    }
  });

  test(`a search in vain says on one line where it looked when the login shell is ${shell}`, { skip }, () => {
    const { status, stdout, stderr } = run(shell, SEARCH);
    assert.equal(status, 127);
    assert.equal(stdout, "");
    assert.equal(
      stderr,
      "no imapd was found on the server: have commands.imap in hosts.toml name one " +
        "(looked for /etc/rimapd, imapd on PATH, ~/bin/imapd, /usr/sbin/imapd, /usr/local/sbin/imapd, " +
        "/usr/libexec/dovecot/imap, /usr/lib/dovecot/imap, /usr/local/libexec/dovecot/imap)\n",
    );
  });
}

test("a directory, and a file that cannot be executed, are no imapd", () => {
  mkdirSync(join(root, "/etc/rimapd"), { recursive: true });
  plant("/usr/bin/imapd", 0o644);
  plant(`${HOME}/bin/imapd`, 0o600);
  plant("/usr/local/sbin/imapd");
  try {
    assert.equal(run("sh", SEARCH).stdout, "/usr/local/sbin/imapd\n");
  } finally {
    for (const place of PLACES) rmSync(join(root, place), { recursive: true, force: true });
  }
});

test("an imapd that the user may not start is named when there is no other", () => {
  // Root may start whatever anybody may.
  plant("/usr/lib/dovecot/imap", 0o644);
  try {
    const { status, stderr } = run("sh", SEARCH);
    assert.equal(status, 127);
    assert.match(
      stderr,
      /^no imapd was found on the server that jane may start, only \/usr\/lib\/dovecot\/imap: have commands\.imap /,
    );
  } finally {
    rmSync(join(root, "/usr/lib/dovecot/imap"));
  }
});

test("the search holds nothing that login shells read differently", () => {
  const [, script = ""] = /^exec \/bin\/sh -c '(.*)'$/.exec(SEARCH) ?? [];
  assert.match(script, /^[^'\\!\n]+$/);
});

test("a line of the table is sent as it is", () => {
  assert.equal(remoteCommandLine({ kind: "line", line: "cd ~/bin; exec imapd" }), "cd ~/bin; exec imapd");
});
