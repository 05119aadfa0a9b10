import assert from "node:assert/strict";
import { execFile, execFileSync } from "node:child_process";
import { copyFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { userInfo } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { promisify } from "node:util";
import { Failure } from "../../../../src/failure.ts";
import { askSsh } from "../../../../src/target/ask_ssh.ts";
import { readLocal } from "../../../../src/target/local.ts";
import { settle } from "../../../../src/target/target.ts";
import { type Agent, startAgent } from "../../../peers/agent.ts";
import { makeKey } from "../../../peers/keys.ts";
import { program } from "../../../peers/programs.ts";
import { type Sshd, startSshd } from "../../../peers/sshd.ts";
import { makeTemporary, removeTemporary } from "../../../peers/temporary.ts";
import { connectTo, decisionFor, never, settled } from "../fixtures.ts";

/*
 * Who gets in with ssh(1) and its ssh_config gets in with the same one here, whatever keys and certificates there are in files and in
 * an agent. The states are those of OpenSSH's cert-file.sh, agent.sh, limit-keytype.sh, multipubkey.sh and brokenkeys.sh, and more.
 */

/** A state: lines of ssh_config, in which K stands for the folder of the keys, and the keys of the agent; undefined for none. */
interface State {
  readonly lines: readonly string[];
  readonly held?: readonly string[];
}

const state = (...lines: readonly string[]): State => ({ lines });
const held = (keys: string, ...lines: readonly string[]): State => ({
  lines,
  held: keys.split(" ").filter((one) => one !== ""),
});
const only = (...names: readonly string[]) => [
  "IdentitiesOnly yes",
  ...names.map((name) => `IdentityFile K/${name}`),
];
const certificate = (name: string) => `CertificateFile K/${name}`;

/**
 * The files: "plain" is in authorized_keys; "user" has a certificate of the trusted authority beside it, and "bare" one without a
 * .pub; "good", "bad", "old", "host" and "other" are certificates for "named", "good2" one for "second".
 */
const STATES: Readonly<Record<string, State>> = {
  "a plain key": state(...only("plain")),
  "a plain key of another": state(...only("named")),
  "a plain key behind others": state(...only("named", "second", "plain")),
  "a key by its .pub, and none in an agent": state(...only("plain.pub")),
  "a key by its .pub, and the agent has it": held("plain", ...only("plain.pub")),
  "a key that the agent alone has": held("plain", "IdentityFile K/nothing"),
  "a key that the agent alone has, where others are wanted": held("plain", ...only("nothing")),
  "an agent without a key": held("", ...only("plain")),
  "a key with its certificate beside it": state(...only("user")),
  "a key without a .pub, and its certificate beside it": state(...only("bare")),
  "a certificate beside a key in the agent, by the key's name": held("user", ...only("user")),
  "a certificate in the agent alone": held("user", "IdentityFile K/nothing"),
  "a certificate in the agent, where its plain key is wanted": held("user", ...only("user.pub")),
  "a certificate by its own name": held("user", ...only("user-cert.pub")),
  "a certificate by its own name, and no agent": state(...only("user-cert.pub")),
  "a certificate that is named": state(...only("named"), certificate("good.pub")),
  "a certificate that is named, for a key without a .pub": state(
    ...only("bare"),
    certificate("bare-cert.pub"),
  ),
  "a certificate of nobody's authority": state(...only("named"), certificate("bad.pub")),
  "a certificate that is named, and its key is not": state(...only("second"), certificate("good.pub")),
  "two certificates of a key": state(...only("named"), certificate("bad.pub"), certificate("good.pub")),
  "two certificates of two keys": state(
    ...only("named", "second"),
    certificate("bad.pub"),
    certificate("good2.pub"),
  ),
  "a certificate that has expired": state(...only("named"), certificate("old.pub")),
  "a certificate that has expired, and one that has not": state(
    ...only("named"),
    certificate("old.pub"),
    certificate("good.pub"),
  ),
  "a host's certificate": state(...only("named"), certificate("host.pub")),
  "a certificate for another user": state(...only("named"), certificate("other.pub")),
  "a certificate that there is not": state(...only("plain"), certificate("nothing")),
  "a certificate that is none": state(...only("plain"), certificate("plain.pub")),
  "a certificate that is named, and a key in the agent": held(
    "named",
    ...only("nothing"),
    certificate("good.pub"),
  ),
  "a certificate that is named, and a key in the agent that is not wanted": held(
    "named",
    ...only("second"),
    certificate("good.pub"),
  ),
  "a certificate that is named by its .pub, and a key in the agent": held(
    "named",
    ...only("named.pub"),
    certificate("good.pub"),
  ),
  "a certificate that is named, and another beside the key": state(...only("user"), certificate("bad.pub")),
  "certificates alone are taken": state(
    ...only("user"),
    "PubkeyAcceptedAlgorithms ssh-ed25519-cert-v01@openssh.com",
  ),
  "plain keys alone are taken, and there is a certificate": state(
    ...only("user"),
    "PubkeyAcceptedAlgorithms ssh-ed25519",
  ),
  "plain keys alone are taken": state(...only("plain"), "PubkeyAcceptedAlgorithms ssh-ed25519"),
  "other kinds alone are taken": state(...only("plain"), "PubkeyAcceptedAlgorithms rsa-sha2-512"),
  "an RSA key by one of its signatures": state(...only("rsa"), "PubkeyAcceptedAlgorithms rsa-sha2-256"),
  "an RSA key": state(...only("rsa")),
  "an RSA key in the agent": held("rsa", ...only("rsa.pub")),
  "an RSA key that is too short": state(...only("rsa"), "RequiredRSASize 3072"),
  "an RSA key with its certificate beside it": state(...only("rsacert")),
  "an ECDSA key": state(...only("ecdsa")),
  "an ECDSA key in the agent": held("ecdsa", ...only("ecdsa.pub")),
  "a key beside which lies another's .pub": state(...only("mixed")),
  "a PEM beside which lies another's .pub": state(...only("pemmixed")),
  "a PEM without a .pub": state(...only("pem")),
  "a key behind a link": state(...only("link")),
  "a key behind a link that leads nowhere": state(...only("dangling")),
  "a folder in place of a key": state(...only("folder", "plain")),
  "a key that others can read": state(...only("open")),
  "a key that others can read, and the agent has it": held("plain", ...only("open")),
  "a key of nonsense": state(...only("nonsense", "plain")),
  "a key of no bytes": state(...only("empty", "plain")),
  "a key with a passphrase": state(...only("locked", "plain")),
  "a key with a passphrase, and the agent has it": held("plain", ...only("locked")),
  "a key with a blank in its name": state("IdentitiesOnly yes", 'IdentityFile "K/a key"'),
  "a key that is named twice": state(...only("named", "named", "plain")),
  "no login by keys": state(...only("plain"), "PubkeyAuthentication no"),
  "keys that are not bound to the host": state(...only("plain"), "PubkeyAuthentication unbound"),
  "other ways first": state(...only("plain"), "PreferredAuthentications password,publickey"),
  "no name of an agent": held("plain", ...only("plain.pub"), "IdentityAgent none"),
  "six keys": state(...only("k1", "k2", "k3", "k4", "k5", "plain")),
};

/** With these ssh does not get in, as it believes the .pub, and does not look into the agent for a certificate's key. */
const MORE: ReadonlySet<string> = new Set([
  "a key beside which lies another's .pub",
  "a PEM beside which lies another's .pub",
  "a certificate that is named, and a key in the agent",
  "a certificate that is named, and a key in the agent that is not wanted",
]);

let folder: string;
let sshd: Sshd;

function run(name: string, ...words: readonly string[]): void {
  execFileSync(program(name), [...words], { cwd: folder, stdio: "ignore" });
}

/** Has an authority certify a key; the certificate is called `name`. */
function certify(authority: string, key: string, name: string, ...words: readonly string[]): void {
  const { username } = userInfo();
  run(
    "ssh-keygen",
    "-q",
    "-s",
    authority,
    "-I",
    name,
    ...(words.includes("-n") ? [] : ["-n", username]),
    ...words,
    `${key}.pub`,
  );
  renameSync(join(folder, `${key}-cert.pub`), join(folder, name));
}

before(async () => {
  folder = makeTemporary();
  const at = (name: string) => join(folder, name);
  const ed25519 = "plain user bare named second authority stranger k1 k2 k3 k4 k5".split(" ");
  const lines = new Map(ed25519.map((name) => [name, makeKey(at(name)).line]));
  for (const name of ["rsa", "rsacert"]) lines.set(name, makeKey(at(name), "rsa").line);
  lines.set("ecdsa", makeKey(at("ecdsa"), "ecdsa").line);
  for (const name of ["user", "bare", "rsacert"]) certify("authority", name, `${name}-cert.pub`);
  rmSync(at("bare.pub"));
  certify("authority", "named", "good.pub");
  certify("authority", "second", "good2.pub");
  certify("stranger", "named", "bad.pub");
  certify("authority", "named", "old.pub", "-V", "20200101:20200102");
  certify("authority", "named", "host.pub", "-h");
  certify("authority", "named", "other.pub", "-n", "somebody-else");
  for (const name of ["mixed", "open", "a key", "locked"]) copyFileSync(at("plain"), at(name));
  copyFileSync(at("named.pub"), at("mixed.pub"));
  execFileSync("chmod", ["644", at("open")]);
  run("ssh-keygen", "-q", "-p", "-P", "", "-N", "secret", "-a", "1", "-f", "locked");
  copyFileSync(at("plain.pub"), at("locked.pub"));
  for (const name of ["pem", "pemmixed"]) {
    copyFileSync(at("rsa"), at(name));
    run("ssh-keygen", "-q", "-p", "-P", "", "-N", "", "-m", "PEM", "-f", name);
  }
  copyFileSync(at("named.pub"), at("pemmixed.pub"));
  symlinkSync("plain", at("link"));
  symlinkSync("nowhere", at("dangling"));
  execFileSync("mkdir", [at("folder")]);
  writeFileSync(at("nonsense"), "no key\n", { mode: 0o600 });
  writeFileSync(at("empty"), "", { mode: 0o600 });
  const authorized = ["plain", "rsa", "ecdsa"].map((name) => lines.get(name) ?? "");
  sshd = await startSshd({ authorized, config: [`TrustedUserCAKeys ${at("authority.pub")}`] });
});
after(async () => {
  await sshd.stop();
  removeTemporary(folder);
});

async function isLetInBySsh(file: string, agent: string): Promise<boolean> {
  const env = { ...process.env, SSH_AUTH_SOCK: agent };
  const words = ["-F", file, "-o", "BatchMode=yes", "-l", sshd.user, "mail.test", "true"];
  return promisify(execFile)(program("ssh"), words, { env, cwd: "/" }).then(
    () => true,
    () => false,
  );
}

async function isLetInByUs(file: string, agent: string): Promise<boolean> {
  const { homedir, uid } = userInfo();
  const env = { ...process.env, SSH_AUTH_SOCK: agent };
  const decision = decisionFor("mail.test", {
    sshConfig: settled(file),
    user: settled(sshd.user, { kind: "call" }),
  });
  const answers = await askSsh(decision, { env, home: homedir, signal: never(), note: () => {} });
  const local = await readLocal({ uid, home: homedir, env }, decision, answers, never());
  try {
    const connection = await connectTo(settle(decision, answers, local));
    connection.end();
    await connection.closed;
    return true;
  } catch (error) {
    if (error instanceof Failure) return false;
    throw error;
  }
}

describe("a login", { concurrency: 3 }, () => {
  for (const [index, [title, { lines, held: keys }]] of Object.entries(STATES).entries()) {
    test(`with ${title} comes to what it comes to with ssh`, async () => {
      const file = join(folder, `config-${index}`);
      const own = [
        "Host *",
        ...[`HostName ${sshd.host}`, `Port ${sshd.port}`, `UserKnownHostsFile ${sshd.knownHosts}`],
        ...[`GlobalKnownHostsFile none`, "LogLevel ERROR"],
        ...lines,
      ];
      writeFileSync(file, `${own.join("\n").replaceAll("K/", `${folder}/`)}\n`);
      await using agent: Agent | undefined =
        keys && (await startAgent(keys.map((name) => join(folder, name))));
      const socket = agent?.socket ?? "";
      const [theirs, ours] = await Promise.all([isLetInBySsh(file, socket), isLetInByUs(file, socket)]);
      assert.equal(ours, theirs || MORE.has(title));
    });
  }
});
