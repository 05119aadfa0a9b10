import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, test } from "node:test";
import fc from "fast-check";
import { wire } from "../../../../src/ssh/keys/blob.ts";
import { parseCertificate } from "../../../../src/ssh/keys/certificate.ts";
import { parseRevokedKeys } from "../../../../src/ssh/trust/revoked_keys.ts";
import { type Key, makeKey } from "../../../peers/keys.ts";
import { program } from "../../../peers/programs.ts";
import { makeTemporary, removeTemporary } from "../../../peers/temporary.ts";

const folder = makeTemporary();
after(() => removeTemporary(folder));

const authority = makeKey(join(folder, "authority"));
const keys = [
  makeKey(join(folder, "ed")),
  makeKey(join(folder, "rsa"), "rsa"),
  makeKey(join(folder, "ec"), "ecdsa"),
];
const [first, second, third] = keys as [Key, Key, Key];

let count = 0;
function file(text: string | Uint8Array): string {
  const path = join(folder, `revoked.${++count}`);
  writeFileSync(path, text);
  return path;
}

function keygen(...words: string[]): void {
  execFileSync(program("ssh-keygen"), ["-q", ...words]);
}

/** A KRL made of the lines of ssh-keygen's own KRL specifications, or of files of public keys. */
function krl(...specifications: string[]): string {
  const path = join(folder, `krl.${++count}`);
  keygen("-k", "-f", path, "-s", `${authority.path}.pub`, ...specifications);
  return path;
}

function blobOf(path: string): Buffer {
  return Buffer.from(readFileSync(path, "utf8").split(" ")[1] ?? "", "base64");
}

/** What our own reading of a file of revoked keys makes of a public key's file. */
function ours(path: string, publicKey: string): string {
  try {
    return parseRevokedKeys(readFileSync(path), path).hasKey(blobOf(publicKey)) ? "revoked" : "not";
  } catch (error) {
    assert.ok(error instanceof RangeError, String(error));
    return "cannot tell";
  }
}

/** The same of ssh-keygen's, which reads KRLs only and exits with 1 for both other answers. */
function theirs(path: string, publicKey: string): string {
  const { status, stdout } = spawnSync(program("ssh-keygen"), ["-Q", "-f", path, publicKey], {
    encoding: "utf8",
  });
  if (status === 0) return "not";
  return /: REVOKED$/m.test(stdout) ? "revoked" : "cannot tell";
}

function answers(path: string): string[] {
  return keys.map((key) => ours(path, `${key.path}.pub`));
}

/** The same, compared with ssh-keygen's. */
function agreed(path: string): string[] {
  const found = answers(path);
  assert.deepEqual(
    found,
    keys.map((key) => theirs(path, `${key.path}.pub`)),
    path,
  );
  return found;
}

test("a text has a public key a line, with comments between them", () => {
  assert.deepEqual(answers(file(`# these\n\n \t\n  ${first.line} comment\r\n${second.line}`)), [
    "revoked",
    "revoked",
    "not",
  ]);
  assert.deepEqual(answers(file("")), ["not", "not", "not"]);
});

test("a line of a text that holds no key makes all that it does not reach untold", () => {
  for (const bad of ["garbage", "ssh-ed25519 AAAA", "ssh-ed25519", `* ${third.line}`, "\r"]) {
    const path = file(`${first.line}\n${bad}\n${second.line}\n`);
    assert.deepEqual(answers(path), ["revoked", "cannot tell", "cannot tell"], bad);
  }
});

test("a short RSA key in a text is no mistake", () => {
  const short = wire("ssh-rsa", Buffer.from([3]), Buffer.alloc(96, 0x7f)).toString("base64");
  assert.deepEqual(answers(file(`ssh-rsa ${short}\n${first.line}\n`)), ["revoked", "not", "not"]);
});

test("a certificate in a text revokes the key in it", () => {
  keygen("-s", authority.path, "-I", "host", "-h", `${second.path}.pub`);
  const certificate = readFileSync(`${second.path}-cert.pub`, "utf8");
  assert.deepEqual(answers(file(certificate)), ["not", "revoked", "not"]);
});

test("a KRL has keys, or their hashes", () => {
  assert.deepEqual(agreed(krl(`${first.path}.pub`)), ["revoked", "not", "not"]);
  const sum = (algorithm: string) => file(`${algorithm}: ${second.line}\n`);
  assert.deepEqual(agreed(krl(sum("sha256"))), ["not", "revoked", "not"]);
  assert.deepEqual(agreed(krl(sum("sha1"))), ["not", "revoked", "not"]);
  assert.deepEqual(agreed(krl(file(`key: ${third.line}\nserial: 1\nid: x\n`))), ["not", "not", "revoked"]);
});

test("a KRL has certificates, by serial number or id and the key that has signed them", () => {
  const other = makeKey(join(folder, "other"));
  const specifications = [
    "serial: 5\n",
    "serial: 10-20\n",
    ["1", "3", "5", "64", "65"].map((serial) => `serial: ${serial}\n`).join(""),
    "serial: 18446744073709551600-18446744073709551615\n",
    "id: mail\n",
    "id: else\n",
    "id: büro\n",
  ];
  for (const specification of specifications) {
    const path = krl(file(specification));
    for (const signer of [authority, other]) {
      for (const [serial, keyId] of [
        ["0", "x"],
        ["5", "x"],
        ["20", "x"],
        ["21", "mail"],
        ["64", "x"],
        ["18446744073709551615", "y"],
        ["0", "büro"],
      ] as const) {
        keygen("-s", signer.path, "-I", keyId, "-z", serial, "-h", `${first.path}.pub`);
        const certificate = parseCertificate(blobOf(`${first.path}-cert.pub`));
        assert.ok(certificate);
        const revoked = parseRevokedKeys(readFileSync(path), path);
        const answer = revoked.hasCertificate(certificate) ? "revoked" : "not";
        assert.equal(answer, theirs(path, `${first.path}-cert.pub`), `${specification} ${serial} ${keyId}`);
      }
    }
  }
});

test("a KRL that is cut short or followed by something tells nothing", () => {
  const bytes = readFileSync(krl(`${first.path}.pub`));
  for (const length of [8, 12, 43, 48, bytes.length - 1]) {
    assert.deepEqual(agreed(file(bytes.subarray(0, length))), ["cannot tell", "cannot tell", "cannot tell"]);
  }
  const more = Buffer.concat([bytes, Buffer.from([9, 0, 0, 0, 0, 0])]);
  assert.deepEqual(agreed(file(more)), ["cannot tell", "cannot tell", "cannot tell"]);
});

test("any bytes give an answer or none, never another error, and no damage to a KRL frees a key", () => {
  const sound = readFileSync(krl(`${first.path}.pub`));
  const key = blobOf(`${first.path}.pub`);
  const ask = (bytes: Uint8Array) => {
    try {
      return parseRevokedKeys(Buffer.from(bytes), "x").hasKey(key);
    } catch (error) {
      assert.ok(error instanceof RangeError, String(error));
      return undefined;
    }
  };
  fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => void ask(bytes)));
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
      ask(Buffer.concat([sound, bytes]));
      ask(Buffer.concat([sound.subarray(0, 44), bytes]));
    }),
  );
  // An empty file is a text without keys, and the header alone is a KRL without sections.
  const isWhole = (length: number) => length === 0 || length === 44;
  fc.assert(
    fc.property(fc.nat(sound.length - 1), (length) => {
      assert.equal(ask(sound.subarray(0, length)), isWhole(length) ? false : undefined);
    }),
  );
});
