import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { forms } from "../../peers/binaries.ts";
import { runCall } from "../../peers/call.ts";
import { type Home, makeHome, tableFor } from "../../peers/home.ts";
import { type Key, type KeyType, makeKey } from "../../peers/keys.ts";
import { program } from "../../peers/programs.ts";
import { type Sshd, startSshd } from "../../peers/sshd.ts";
import { listen } from "../../peers/tcp.ts";
import { makeTemporary, removeTemporary } from "../../peers/temporary.ts";

/*
 * Real servers that show host certificates of every kind, to real ssh and to both forms of the program: what one takes
 * the other must take.
 */

const folder = makeTemporary();
let authority: Key;
let stranger: Key;
let other: Key;
before(() => {
  authority = makeKey(join(folder, "authority"));
  stranger = makeKey(join(folder, "stranger"));
  other = makeKey(join(folder, "other"));
});
after(() => removeTemporary(folder));

interface Case {
  /** Options of ssh-keygen -s; default valid for 127.0.0.1, for ever. */
  readonly certificate?: readonly string[];
  readonly hostKey?: KeyType;
  readonly signer?: () => Key;
  /** Lines of known_hosts, given the host's own key; default the authority's, for every host. */
  readonly knownHosts?: (host: Key) => readonly string[];
  /** Lines of ssh_config. */
  readonly config?: readonly string[];
  /** Older ssh judges otherwise than the present one, whose rules are kept to: it is not asked. */
  readonly sinceLater?: boolean;
  /** What is said when it is refused; undefined when it is taken. */
  readonly refusal?: RegExp;
}

const HOST = ["-h", "-n", "127.0.0.1"];
const PAST = ["-V", "20200101Z:20210101Z"];
const FUTURE = ["-V", "20900101Z:20910101Z"];
const trusted = () => `@cert-authority * ${authority.line}`;

const cases: Readonly<Record<string, Case>> = {
  "that is valid": {},
  "for several names": { certificate: ["-h", "-n", "mail.test,127.0.0.1"] },
  "for several names, one of them a wildcard": {
    certificate: ["-h", "-n", "mail.test,127.*"],
    sinceLater: true,
  },
  "for nobody": { certificate: ["-h"], sinceLater: true, refusal: /it is for nobody, not for 127\.0\.0\.1/ },
  "of an ECDSA key": { hostKey: "ecdsa" },
  "of an RSA key": { hostKey: "rsa" },
  "of an RSA key, with SHA-256": {
    hostKey: "rsa",
    config: ["HostKeyAlgorithms rsa-sha2-256-cert-v01@openssh.com"],
  },
  "by an RSA authority": {
    signer: () => makeKey(join(folder, "rsa"), "rsa"),
    knownHosts: () => [`@cert-authority * ${publicLine(join(folder, "rsa"))}`],
  },
  "by an authority of the bare name": { knownHosts: () => [`@cert-authority 127.0.0.1 ${authority.line}`] },
  "for a HostKeyAlias": {
    certificate: ["-h", "-n", "mail.test"],
    config: ["HostKeyAlias mail.test"],
    knownHosts: () => [`@cert-authority mail.test ${authority.line}`],
  },
  "for the name where there is a HostKeyAlias": {
    config: ["HostKeyAlias mail.test"],
    refusal: /not for mail/,
  },
  "that has expired": { certificate: [...HOST, ...PAST], refusal: /it has expired, 2021-01-01 00:00:00/ },
  "that is not valid yet": { certificate: [...HOST, ...FUTURE], refusal: /not valid before 2090-01-01/ },
  "for another name": {
    certificate: ["-h", "-n", "mail.test"],
    refusal: /for mail\.test, not for 127\.0\.0\.1/,
  },
  "of a user": { certificate: ["-n", "127.0.0.1"], refusal: /it is a user certificate/ },
  "by a stranger": { signer: () => stranger, refusal: /known_hosts does not trust its authority/ },
  "by an authority of others": {
    knownHosts: () => [`@cert-authority mail.test ${authority.line}`],
    refusal: /known_hosts does not trust its authority|host key unknown/,
  },
  "by a revoked authority": {
    knownHosts: () => [trusted(), `@revoked * ${authority.line}`],
    refusal: /host key revoked \(known_hosts:2 revokes/,
  },
  "of a revoked key": {
    knownHosts: (host) => [trusted(), `@revoked * ${host.line}`],
    refusal: /host key revoked \(known_hosts:2 revokes/,
  },
  "with a critical option": {
    certificate: [...HOST, "-O", "critical:source-address=127.0.0.1"],
    refusal: /it has the critical option "source-address"/,
  },
  "signed with what CASignatureAlgorithms leaves out": {
    config: ["CASignatureAlgorithms rsa-sha2-512"],
    refusal: /it is signed with ssh-ed25519/,
  },
  "that has expired, of a key that is known": {
    certificate: [...HOST, ...PAST],
    knownHosts: (host) => [trusted(), `* ${host.line}`],
  },
  "that has expired, of a known key that HostKeyAlgorithms leaves out": {
    certificate: [...HOST, ...PAST],
    knownHosts: (host) => [trusted(), `* ${host.line}`],
    config: ["HostKeyAlgorithms ssh-ed25519-cert-v01@openssh.com"],
    sinceLater: true,
    refusal: /it has expired/,
  },
  "that is valid, where another key is known": {
    knownHosts: () => [trusted(), `* ${other.line}`],
  },
  "that has expired, where another key is known": {
    certificate: [...HOST, ...PAST],
    knownHosts: () => [trusted(), `* ${other.line}`],
    refusal: /host key changed/,
  },
};

describe("a host certificate", () => {
  for (const [title, one] of Object.entries(cases)) {
    const verb = one.refusal === undefined ? "taken" : "refused";
    const by = one.sinceLater ? "both forms" : "ssh and by both forms";
    test(`${title} is ${verb} by ${by}`, async () => {
      const { hostKey, knownHosts, config = [], sinceLater = false, refusal } = one;
      const key = makeKey(join(newFolder(), "host"), hostKey);
      certify(key, one);
      const lines = [`HostKey ${key.path}`, `HostCertificate ${key.path}-cert.pub`];
      await using sshd = await startSshd({ hostKeys: [], config: lines });
      using home = makeHome();
      home.write("known_hosts", `${(knownHosts?.(key) ?? [trusted()]).join("\n")}\n`);
      home.write("ssh_config", config.map((line) => `${line}\n`).join(""));

      if (!sinceLater) assert.equal(await sshStatus(home, sshd), refusal === undefined ? 0 : 255, "ssh");
      await sshd.idle();
      const logins = sshd.logins();
      for (const { name, argv } of forms) {
        const { status, stderr } = await mail(home, sshd, argv);
        assert.match(stderr, refusal ?? /^$/, name);
        assert.equal(status, refusal === undefined ? 0 : 77, name);
      }
      assert.equal(sshd.logins() - logins, refusal === undefined ? forms.length : 0);
      if (refusal !== undefined) assert.doesNotMatch(sshd.log(), /publickey/);
    });
  }

  test("of another server's, shown by one who does not have its key, is refused", async () => {
    const key = makeKey(join(newFolder(), "host"));
    certify(key, {});
    const config = [`HostKey ${key.path}`, `HostCertificate ${key.path}-cert.pub`];
    await using sshd = await startSshd({ hostKeys: [], config });
    using home = makeHome();
    home.write("known_hosts", `${trusted()}\n`);
    home.write("ssh_config", "");
    const { user, identity, knownHosts } = sshd;
    const server = { user, identity, knownHosts };
    for (const { argv } of forms) {
      await using forger = await startForger(sshd);
      const { status, stderr } = await mail(home, { ...server, ...forger }, argv);
      assert.match(stderr, /the server has not proven that it has the host key/);
      assert.equal(status, 77);
      assert.equal(forger.forged(), true);
    }
    assert.doesNotMatch(sshd.log(), /publickey/);
  });

  test("is shown again whenever keys are renewed", async () => {
    const key = makeKey(join(newFolder(), "host"));
    certify(key, {});
    const config = [`HostKey ${key.path}`, `HostCertificate ${key.path}-cert.pub`, "RekeyLimit 64K"];
    await using sshd = await startSshd({ hostKeys: [], config });
    using home = makeHome();
    home.write("known_hosts", `${trusted()}\n`);
    home.write("ssh_config", "");
    for (const { argv } of forms) {
      const { status, output } = await mail(home, sshd, argv, "head -c 1000000 /dev/zero");
      assert.equal(status, 0);
      assert.equal(output.length, GREETING.length + 1_000_000);
    }
  });
});

const GREETING = "* PREAUTH ready\r\n";

/** Passes everything on but the signature in the server's answer, of which it changes a bit. */
async function startForger(sshd: Sshd) {
  let forged = false;
  const forger = await listen((client) => {
    const server = connect(sshd.port, sshd.host);
    client.pipe(server);
    server.on("data", (piece: Buffer) => {
      // The type stands in the certificate, in the authority's key and signature and, last, in the signature.
      const at = piece.lastIndexOf("ssh-ed25519");
      if (!forged && piece.includes("ssh-ed25519-cert-v01") && !piece.includes("curve25519")) {
        forged = true;
        piece.writeUInt8(piece.readUInt8(at + 40) ^ 1, at + 40);
      }
      client.write(piece);
    });
    for (const socket of [client, server]) socket.on("error", () => {}).on("close", () => server.destroy());
  });
  const { host, port } = forger;
  return { host, port, forged: () => forged, [Symbol.asyncDispose]: () => forger[Symbol.asyncDispose]() };
}

let count = 0;
function newFolder(): string {
  const path = join(folder, String(++count));
  mkdirSync(path);
  return path;
}

function publicLine(path: string): string {
  return readFileSync(`${path}.pub`, "utf8").split(" ").slice(0, 2).join(" ");
}

/** Leaves the certificate beside the key, as HostCertificate wants it. */
function certify(key: Key, { certificate = HOST, signer = () => authority }: Case): void {
  const words = ["-q", "-s", signer().path, "-I", "test", ...certificate, `${key.path}.pub`];
  execFileSync(program("ssh-keygen"), words, { stdio: "pipe" });
}

async function sshStatus(home: Home, sshd: Sshd): Promise<number | null> {
  const files = [`UserKnownHostsFile=${home.path}/known_hosts`, "GlobalKnownHostsFile=/dev/null"];
  const options = ["BatchMode=yes", "StrictHostKeyChecking=yes", "IdentitiesOnly=yes", ...files];
  const words = ["-F", `${home.path}/ssh_config`, "-i", sshd.identity, "-p", String(sshd.port)];
  const argv = [program("ssh"), ...words, ...options.flatMap((option) => ["-o", option])];
  const { status } = await runCall([...argv, `${sshd.user}@${sshd.host}`, "true"], { env: home.env });
  return status;
}

type Server = Pick<Sshd, "host" | "port" | "user" | "identity" | "knownHosts">;

function mail(home: Home, sshd: Server, argv: readonly string[], after = "true") {
  const command = `printf '${GREETING.replace("\r\n", "\\r\\n")}'; ${after}`;
  const files = { known_hosts: `${home.path}/known_hosts`, ssh_config: `${home.path}/ssh_config` };
  home.writeTable(tableFor(sshd, { ...files, "commands.imap": command }));
  return runCall([...argv, "mail.test", "jane", "imap"], {
    env: home.env,
    stdio: "pipes",
    input: "A1 NOOP\r\n",
  });
}
