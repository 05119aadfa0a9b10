import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { copyFileSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import fc from "fast-check";
import { wire } from "../../../../src/ssh/keys/blob.ts";
import { judgeOffered } from "../../../../src/ssh/trust/certificate_verdict.ts";
import { type HostCertificate, readHostCertificate } from "../../../../src/ssh/trust/host_certificate.ts";
import { HostKeyCheck } from "../../../../src/ssh/trust/host_key.ts";
import { parseKnownHosts } from "../../../../src/ssh/trust/known_hosts.ts";
import { parseRevokedKeys } from "../../../../src/ssh/trust/revoked_keys.ts";
import { type Key, type KeyType, makeKey } from "../../../peers/keys.ts";
import { program } from "../../../peers/programs.ts";
import { makeTemporary, removeTemporary } from "../../../peers/temporary.ts";
import { targetFor } from "../fixtures.ts";

const folder = makeTemporary();
let authority: Key;
let host: Key;
before(() => {
  authority = makeKey(join(folder, "authority"));
  host = makeKey(join(folder, "host"));
});
after(() => removeTemporary(folder));

let count = 0;

/** The certificate of a host's key, with these options of ssh-keygen. */
function certify(options: readonly string[], key = host, by = authority): Buffer {
  const path = join(folder, `certified${++count}`);
  copyFileSync(`${key.path}.pub`, `${path}.pub`);
  const words = ["-q", "-s", by.path, "-I", "test", ...options, `${path}.pub`];
  execFileSync(program("ssh-keygen"), words, { stdio: "pipe" });
  return blobOf(readFileSync(`${path}-cert.pub`, "utf8"));
}

function blobOf(line: string): Buffer {
  return Buffer.from(line.split(" ")[1] ?? "", "base64");
}

function parsed(blob: Buffer): HostCertificate {
  const certificate = readHostCertificate(blob);
  assert.ok(certificate, "is none");
  return certificate;
}

const NAMES = ["[mail.test]:2222", "mail.test"];
const NOW = BigInt(Date.UTC(2030, 0, 1)) / 1000n;

interface Changes {
  readonly lines?: readonly string[];
  readonly names?: readonly string[];
  readonly now?: bigint;
  readonly signatures?: readonly string[];
  readonly keys?: readonly string[];
}

/** The verdict and the objection, in words. */
function judged(blob: Buffer, changes: Changes = {}): string {
  const lines = changes.lines ?? [`@cert-authority *.test,[*.test]:* ${authority.line}`];
  const result = judgeOffered(blob, {
    entries: parseKnownHosts(lines.join("\n"), "known_hosts"),
    names: changes.names ?? NAMES,
    now: changes.now ?? NOW,
    signatures: changes.signatures,
    keys: changes.keys,
  });
  if (result === undefined) return "makes no sense";
  return [result.verdict.kind, result.objection].filter((part) => part !== undefined).join(": ");
}

const valid = ["-h", "-n", "mail.test", "-V", "20290101Z:20310101Z"];

describe("parsing", () => {
  for (const [type, by] of [
    ["ed25519", "ed25519"],
    ["rsa", "rsa"],
    ["ecdsa", "ecdsa"],
    ["ed25519", "rsa"],
    ["rsa", "ecdsa"],
  ] as const satisfies readonly (readonly [KeyType, KeyType])[]) {
    test(`a certificate of ${type} by ${by} holds what ssh-keygen has put there`, () => {
      const key = makeKey(join(folder, `key${++count}`), type);
      const signer = makeKey(join(folder, `key${++count}`), by);
      const certificate = parsed(
        certify([...valid, "-n", "mail.test,*.example.org", "-z", "7"], key, signer),
      );
      assert.deepEqual(certificate.key, blobOf(key.line));
      assert.deepEqual(certificate.authority, blobOf(signer.line));
      assert.equal(certificate.kind, "host");
      assert.deepEqual(certificate.principals, ["mail.test", "*.example.org"]);
      assert.deepEqual(certificate.criticalOptions, []);
      assert.equal(certificate.validBefore - certificate.validAfter, BigInt(730 * 24 * 3600));
    });
  }

  test("no byte of a certificate can be changed, left out or added", () => {
    const blob = certify(valid);
    for (let index = 0; index < blob.length; index++) {
      const changed = Buffer.from(blob);
      changed.writeUInt8(changed.readUInt8(index) ^ 1, index);
      assert.equal(readHostCertificate(changed), undefined, `byte ${index}`);
      assert.equal(readHostCertificate(blob.subarray(0, index)), undefined, `${index} bytes`);
    }
    assert.equal(readHostCertificate(Buffer.concat([blob, Buffer.from([0])])), undefined);
  });

  test("garbage is no certificate, and never an error", () => {
    const name = wire("ssh-ed25519-cert-v01@openssh.com");
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), (bytes) => {
        assert.equal(readHostCertificate(Buffer.from(bytes)), undefined);
        assert.equal(readHostCertificate(Buffer.concat([name, bytes])), undefined);
      }),
    );
  });

  test("a signature with SHA-1 does not count", () => {
    const rsa = makeKey(join(folder, `rsa${++count}`), "rsa");
    assert.equal(parsed(certify(["-t", "rsa-sha2-256", ...valid], host, rsa)).algorithm, "rsa-sha2-256");
    assert.equal(readHostCertificate(certify(["-t", "ssh-rsa", ...valid], host, rsa)), undefined);
  });

  test("an authority that is itself a certificate does not count", () => {
    const blob = certify(valid);
    const plain = blobOf(authority.line);
    const nested = certify(valid, authority);
    const at = blob.lastIndexOf(wire(plain));
    const parts = [blob.subarray(0, at), wire(nested), blob.subarray(at + wire(plain).length)];
    assert.equal(readHostCertificate(Buffer.concat(parts)), undefined);
  });
});

describe("the verdict", () => {
  test("is known when an authority of the server vouches for the key, by either of its names", () => {
    assert.equal(judged(certify(valid)), "known");
    assert.equal(judged(certify(valid), { lines: [`@cert-authority mail.test ${authority.line}`] }), "known");
    assert.equal(judged(certify(["-h", "-n", "mail.test"])), "known");
    assert.equal(judged(certify(["-h", "-n", "other.test,*.test"])), "known");
    assert.equal(judged(certify(["-h", "-n", "m?il.test"])), "known");
  });

  test("is unknown otherwise, and says why", () => {
    const before = BigInt(Date.UTC(2028, 0, 1)) / 1000n;
    const after = BigInt(Date.UTC(2032, 0, 1)) / 1000n;
    assert.match(
      judged(certify(valid), { now: before }),
      /^unknown: it is not valid before 2029-01-01 00:00:00$/,
    );
    assert.match(judged(certify(valid), { now: after }), /^unknown: it has expired, 2031-01-01 00:00:00$/);
    const principal = certify(["-h", "-n", "other.test,Mail.test"]);
    assert.equal(judged(principal), "unknown: it is for other.test, Mail.test, not for mail.test");
    assert.equal(judged(certify(["-h"])), "unknown: it is for nobody, not for mail.test");
    assert.equal(judged(certify(["-n", "mail.test"])), "unknown: it is a user certificate");
    const critical = certify([...valid, "-O", "critical:force-command=true"]);
    assert.equal(judged(critical), 'unknown: it has the critical option "force-command"');
    assert.match(
      judged(certify(valid), { lines: [] }),
      /^unknown: known_hosts does not trust its authority ssh-ed25519 SHA256:/,
    );
    const elsewhere = [`@cert-authority other.test ${authority.line}`];
    assert.match(judged(certify(valid), { lines: elsewhere }), /^unknown: known_hosts does not trust/);
    const unmarked = [`mail.test,[mail.test]:2222 ${authority.line}`];
    assert.match(judged(certify(valid), { lines: unmarked }), /^changed: known_hosts does not trust/);
    assert.equal(
      judged(certify(valid), { signatures: ["rsa-sha2-512"] }),
      "unknown: it is signed with ssh-ed25519",
    );
  });

  test("holds from the first second of its validity on, and before the last", () => {
    const blob = certify(valid);
    const { validAfter, validBefore } = parsed(blob);
    assert.equal(judged(blob, { now: validAfter }), "known");
    assert.match(judged(blob, { now: validAfter - 1n }), /not valid before/);
    assert.equal(judged(blob, { now: validBefore - 1n }), "known");
    assert.match(judged(blob, { now: validBefore }), /expired/);
  });

  test("is revoked when the authority or the key is", () => {
    const trusted = `@cert-authority * ${authority.line}`;
    assert.equal(judged(certify(valid), { lines: [trusted, `@revoked * ${authority.line}`] }), "revoked");
    assert.equal(judged(certify(valid), { lines: [`@revoked * ${host.line}`, trusted] }), "revoked");
    const plain = `[mail.test]:2222 ${host.line}`;
    assert.equal(judged(certify(valid), { lines: [plain, `@revoked * ${authority.line}`] }), "revoked");
  });

  test("is about the key in it where the certificate does not count, as for ssh(1)", () => {
    const lines = [`@cert-authority * ${authority.line}`, `[mail.test]:2222 ${host.line}`];
    const expired = certify(["-h", "-n", "mail.test", "-V", "20200101Z:20210101Z"]);
    assert.match(judged(expired, { lines }), /^known: it has expired/);
    const keys = ["ssh-ed25519-cert-v01@openssh.com"];
    assert.match(judged(expired, { lines, keys }), /^unknown: it has expired/);
    const other = makeKey(join(folder, `other${++count}`));
    const changed = [`@cert-authority * ${authority.line}`, `[mail.test]:2222 ${other.line}`];
    assert.match(judged(expired, { lines: changed }), /^changed: it has expired/);
  });

  test("is revoked when a file of RevokedHostKeys has its authority, or the key in it", () => {
    const sshd = { host: "mail.test", port: 22, user: "jane", identity: "", knownHosts: "" };
    const target = targetFor(sshd, { hostKeyName: "mail.test" });
    const entries = parseKnownHosts(`@cert-authority * ${authority.line}`, "known_hosts");
    const blob = certify(["-h", "-n", "mail.test"]);
    const ruling = (line: string) => {
      const revoked = [parseRevokedKeys(Buffer.from(`${line}\n`), "revoked")];
      return new HostKeyCheck(target, { entries, revoked }).rule(blob).kind;
    };
    assert.equal(ruling("# nothing"), "trusted");
    assert.equal(ruling(authority.line), "refused");
    assert.equal(ruling(host.line), "refused");
  });

  test("is revoked when a KRL has the certificate, by its serial number or its id", () => {
    const specification = join(folder, "specification");
    writeFileSync(specification, "serial: 7\nid: büro\n");
    const krl = join(folder, "krl");
    const words = ["-q", "-k", "-f", krl, "-s", `${authority.path}.pub`, specification];
    execFileSync(program("ssh-keygen"), words, { stdio: "pipe" });
    const sshd = { host: "mail.test", port: 22, user: "jane", identity: "", knownHosts: "" };
    const target = targetFor(sshd, { hostKeyName: "mail.test" });
    const entries = parseKnownHosts(`@cert-authority * ${authority.line}`, "known_hosts");
    const revoked = [parseRevokedKeys(readFileSync(krl), "revoked")];
    const ruling = (...options: readonly string[]) =>
      new HostKeyCheck(target, { entries, revoked }).rule(certify(["-h", "-n", "mail.test", ...options]))
        .kind;
    assert.equal(ruling("-z", "6"), "trusted");
    assert.equal(ruling("-z", "7"), "refused");
    assert.equal(ruling("-I", "büro"), "refused");
  });

  test("is that of a plain key where it is no certificate", () => {
    assert.equal(judged(blobOf(host.line), { lines: [`@cert-authority * ${host.line}`] }), "unknown");
    assert.equal(judged(blobOf(host.line), { lines: [`mail.test ${host.line}`] }), "known");
  });
});
