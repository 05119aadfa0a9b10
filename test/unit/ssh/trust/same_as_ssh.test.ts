import assert from "node:assert/strict";
import { execFile, execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { userInfo } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import fc from "fast-check";
import { Failure } from "../../../../src/failure.ts";
import { HostKeyCheck } from "../../../../src/ssh/trust/host_key.ts";
import { readHostKeyFiles } from "../../../../src/ssh/trust/host_key_files.ts";
import { readAccount } from "../../../../src/target/account.ts";
import { askSsh } from "../../../../src/target/ask_ssh.ts";
import { settle, type Target } from "../../../../src/target/target.ts";
import { type Key, makeKey } from "../../../peers/keys.ts";
import { program } from "../../../peers/programs.ts";
import { type Sshd, startSshd } from "../../../peers/sshd.ts";
import { makeTemporary, removeTemporary } from "../../../peers/temporary.ts";
import { connectTo, decisionFor, never, settled } from "../fixtures.ts";
import { type Case, cases, type WrittenFile } from "./written_hosts.ts";

/** Another seed makes other cases. */
const SEED = Number(process.env.PREAUTH_SEED ?? 20);
const CASES = 330;
const AT_ONCE = 4;
/** Every so many cases a connection is made too. */
const CONNECTIONS = 4;

const TYPES = ["ed25519", "rsa", "ecdsa"] as const;

const folder = makeTemporary();
let servers: readonly Sshd[] = [];
before(async () => {
  const options = { listen: ["127.0.0.1", "127.0.0.2"], config: ["MaxStartups 100"] };
  servers = await Promise.all(TYPES.map((type) => startSshd({ ...options, hostKeys: [type] })));
});
after(async () => {
  await Promise.all(servers.map((server) => server.stop()));
  removeTemporary(folder);
});

/** The ssh_config that a case stands in, and its files. */
function write(written: Case, index: number): string {
  const directory = join(folder, String(index));
  mkdirSync(directory);
  let count = 0;
  const path = (file: WrittenFile) => {
    const name = join(directory, `file ${++count}`);
    if (file.kind === "text") writeFileSync(name, file.text, "latin1");
    if (file.kind === "directory") mkdirSync(name);
    return `"${name}"`;
  };
  const config = [
    `Port ${servers[written.server]?.port}`,
    `UserKnownHostsFile ${written.user.map(path).join(" ")}`,
    `GlobalKnownHostsFile ${written.global.map(path).join(" ") || "none"}`,
    ...(written.revoked === undefined ? [] : [`RevokedHostKeys ${path(written.revoked)}`]),
    ...(written.alias === undefined ? [] : [`HostKeyAlias ${written.alias}`]),
    "StrictHostKeyChecking yes",
    "BatchMode yes",
    "IdentityAgent none",
    "IdentityFile none",
    "UpdateHostKeys no",
    "LogLevel INFO",
  ];
  const file = join(directory, "config");
  writeFileSync(file, config.join("\n"));
  return file;
}

/** What ssh thinks of the server's key, by what it says; "known" is to be asked for a key of one's own. */
function verdictOfSsh(config: string, host: string): Promise<string> {
  const words = ["-F", config, "-T", "--", host, "true"];
  return new Promise((done) => {
    execFile(program("ssh"), words, { encoding: "latin1" }, (_error, _stdout, stderr) => {
      if (/Error checking host key .* in revoked keys file/.test(stderr)) done("untold");
      else if (/REVOKED HOST KEY DETECTED|revoked by file/.test(stderr)) done("revoked");
      else if (/REMOTE HOST IDENTIFICATION HAS CHANGED/.test(stderr)) done("changed");
      else if (/No \S+ host key is known for/.test(stderr)) done("unknown");
      else if (/Permission denied \(publickey\)/.test(stderr)) done("known");
      else done(stderr);
    });
  });
}

async function targetOf(config: string, host: string): Promise<Target> {
  const { PATH } = process.env;
  const decision = decisionFor(host, { sshConfig: settled(config), user: settled(userInfo().username) });
  const options = { env: { PATH }, home: folder, signal: never(), note: () => {} };
  const answers = await askSsh(decision, options);
  assert.notEqual(answers, undefined);
  const uid = process.getuid?.() ?? 0;
  const local = { uid, account: await readAccount(uid, never()), home: folder, env: {}, homes: new Map() };
  return settle(decision, answers, local);
}

function named({ what, trouble }: Failure): string {
  if (trouble === "auth") return "known";
  if (what.startsWith("cannot tell")) return "untold";
  return /^host key (unknown|changed|revoked)/.exec(what)?.[1] ?? what;
}

/** What preauth's own verdict is, without a connection. */
async function verdictOf(target: Target, key: Buffer): Promise<string> {
  const ruling = new HostKeyCheck(
    target,
    await readHostKeyFiles(target, { note: () => {}, signal: never(), env: {} }),
  ).rule(key);
  return ruling.kind === "trusted" ? "known" : named(ruling.failure);
}

async function verdictOfConnection(target: Target): Promise<string> {
  const failure = await connectTo(target).then(
    (connection) => connection.end(),
    (error) => error,
  );
  return failure instanceof Failure ? named(failure) : String(failure);
}

/** `TYPE BASE64` of a certificate for a key. */
function certificateOf(key: Key | undefined): string {
  const authority = makeKey(join(folder, `authority${key?.type}`));
  const words = ["-q", "-h", "-I", "host", "-s", authority.path, `${key?.path}.pub`];
  execFileSync(program("ssh-keygen"), words);
  return readFileSync(`${key?.path}-cert.pub`, "utf8").split(" ").slice(0, 2).join(" ");
}

test(`ssh and preauth agree on ${CASES} written known_hosts`, { timeout: 240_000 }, async () => {
  const strangers = [...TYPES, ...TYPES].map(
    (type, index) => makeKey(join(folder, `stranger${index}`), type).line,
  );
  strangers.push(...servers.map(({ hostKeys: [key] }) => certificateOf(key)));
  const keys = servers.map((server) => server.hostKeys[0]?.line ?? "");
  const material = { keys, strangers, ports: servers.map(({ port }) => port) };
  const written = fc.sample(cases(material), { seed: SEED, numRuns: CASES });
  const tally = new Map<string, number>();
  const disagreements: string[] = [];

  const compare = async (one: Case, index: number) => {
    const config = write(one, index);
    const target = await targetOf(config, one.host);
    const key = Buffer.from(keys[one.server]?.split(" ")[1] ?? "", "base64");
    const wanted = await verdictOfSsh(config, one.host);
    const verdict = await verdictOf(target, key);
    const connected = index % CONNECTIONS === 0 ? await verdictOfConnection(target) : verdict;
    tally.set(wanted, (tally.get(wanted) ?? 0) + 1);
    if (verdict === wanted && connected === wanted) return;
    const said = `ssh: ${wanted}, preauth: ${verdict}, connection: ${connected}`;
    disagreements.push(`PREAUTH_SEED=${SEED}, case ${index}: ${said}\n${JSON.stringify(one, undefined, 1)}`);
  };
  const queue = [...written.entries()];
  const work = async () => {
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) await compare(next[1], next[0]);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));

  assert.deepEqual(disagreements, []);
  for (const verdict of ["known", "unknown", "changed", "revoked", "untold"]) {
    const count = tally.get(verdict) ?? 0;
    assert.ok(count >= CASES / 60, `${verdict}: ${count} of ${JSON.stringify([...tally])}`);
  }
});
