import { execFileSync, spawnSync } from "node:child_process";
import { chmodSync, copyFileSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { program } from "../../../peers/programs.ts";

/*
 * Key files of every kind and container that ssh-keygen and openssl make, and what people make of them: with words
 * around the key, other ends of lines, other modes.
 */

/** A file and what opens it; no passphrase is an empty one. */
export interface KeyFileCase {
  readonly title: string;
  readonly path: string;
  readonly passphrase: string;
}

export const PASSPHRASE = "käse und brot";

/** Ciphers of OpenSSH's container (`ssh-keygen -Z`). */
const CIPHERS = [
  ...["3des-cbc", "aes128-cbc", "aes192-cbc", "aes256-cbc", "aes128-ctr", "aes192-ctr", "aes256-ctr"],
  ...["aes128-gcm@openssh.com", "aes256-gcm@openssh.com", "chacha20-poly1305@openssh.com"],
];

/** How openssl makes each kind. */
const KINDS = {
  ed25519: "-algorithm ed25519",
  rsa: "-algorithm rsa -pkeyopt rsa_keygen_bits:2048",
  "ecdsa-256": "-algorithm ec -pkeyopt ec_paramgen_curve:P-256",
  "ecdsa-384": "-algorithm ec -pkeyopt ec_paramgen_curve:P-384",
  "ecdsa-521": "-algorithm ec -pkeyopt ec_paramgen_curve:P-521",
} as const;

/** Kinds that OpenSSH does not have, or no longer, and odd ones. */
const ODD_KINDS: Readonly<Record<string, string>> = {
  "rsa of 1024 bits": "-algorithm rsa -pkeyopt rsa_keygen_bits:1024",
  "rsa of 768 bits": "-algorithm rsa -pkeyopt rsa_keygen_bits:768",
  "rsa of three primes": "-algorithm rsa -pkeyopt rsa_keygen_bits:2048 -pkeyopt rsa_keygen_primes:3",
  "rsa of exponent 3": "-algorithm rsa -pkeyopt rsa_keygen_bits:2048 -pkeyopt rsa_keygen_pubexp:3",
  "rsa-pss": "-algorithm rsa-pss -pkeyopt rsa_keygen_bits:2048",
  "p-224": "-algorithm ec -pkeyopt ec_paramgen_curve:P-224",
  secp256k1: "-algorithm ec -pkeyopt ec_paramgen_curve:secp256k1",
  "a curve in full": "-algorithm ec -pkeyopt ec_paramgen_curve:P-256 -pkeyopt ec_param_enc:explicit",
  ed448: "-algorithm ed448",
  x25519: "-algorithm x25519",
};

/** What openssl can encrypt PKCS#1 with. */
const PEM_CIPHERS = ["aes128", "aes192", "aes256", "des3", "camellia128", "camellia256", "aria128"];

/** What it can encrypt PKCS#8 with; the last of them by its legacy provider, which ssh-keygen does not load. */
const PKCS8_WAYS = [
  ...["aes-128-cbc", "aes-192-cbc", "aes-256-cbc", "des3"].map((cipher) => `-v2 ${cipher}`),
  ...["aes-256-cfb", "aes-128-ofb", "camellia-192-cbc", "aria-256-cbc", "sm4-cbc"].map(
    (cipher) => `-v2 ${cipher}`,
  ),
  ...["MD5", "SHA1", "SHA224", "SHA256", "SHA384", "SHA512", "SHA512-224", "SHA512-256"].map(
    (hash) => `-v2 aes-256-cbc -v2prf hmacWith${hash}`,
  ),
  ...["-scrypt", "-scrypt -v2 des3", "-scrypt -scrypt_N 1024 -scrypt_r 1 -scrypt_p 3"],
  ...["-v1 PBE-SHA1-3DES", "-v1 PBE-SHA1-2DES"],
  ...["PBE-MD5-DES", "PBE-SHA1-DES", "PBE-SHA1-RC2-40", "PBE-SHA1-RC4-128"].map(
    (scheme) => `-v1 ${scheme} -provider legacy -provider default`,
  ),
];

/** Files with more in them than a key, or less. */
const ALTERATIONS: Readonly<Record<string, (text: string) => string>> = {
  "text behind the end": (text) => `${text}comment of mine\n`,
  "another key behind the end": (text) => `${text}${text}`,
  "a megabyte of text behind the end": (text) => `${text}${"more of mine\n".repeat(80_000)}`,
  "text before the beginning": (text) => `Key of jane\n${text}`,
  "text on both sides": (text) => `Bag Attributes\n    friendlyName: jane\n${text}\nThe end\n`,
  "empty lines around it": (text) => `\n\n${text}\n\n`,
  "no newline at the end": (text) => text.trimEnd(),
  CRLF: (text) => text.replaceAll("\n", "\r\n"),
  "carriage returns alone": (text) => text.replaceAll("\n", "\r"),
  "CRLF and no end of the last line": (text) => text.replaceAll("\n", "\r\n").trimEnd(),
  "blanks before its lines": (text) => text.replace(/\n(?!-)/g, "\n "),
  "blanks behind its lines": (text) => text.replaceAll("\n", "  \n"),
  "everything indented": (text) => text.replace(/^/gm, "  "),
  "one line": (text) =>
    text.replace(/(KEY-----\n)([^:]*)(\n-----END)/s, (_, a, b, c) => a + b.replaceAll("\n", "") + c),
  "short lines": (text) => text.replace(/^[\w+/=]{30,}$/gm, (line) => line.replace(/.{16}/g, "$&\n")),
  "a BOM": (text) => `\ufeff${text}`,
  "another word at its end": (text) => text.replace(/END .*KEY/, "END OTHER KEY"),
  "half of it": (text) => text.slice(0, text.length / 2),
  "no end": (text) => text.replace(/-----END.*/s, ""),
  "a letter that is none of base64": (text) => text.replace(/\n(\w{10})\w/, "\n$1*"),
};

/** Modes of files that belong to whoever runs this. */
const MODES = [0o400, 0o600, 0o700, 0o604, 0o640, 0o660, 0o644, 0o777, 0o200];

/** Makes all of them in a folder. */
export function makeKeyFiles(folder: string): readonly KeyFileCase[] {
  const cases: KeyFileCase[] = [];
  const keygen = (...words: readonly string[]) =>
    execFileSync(program("ssh-keygen"), ["-q", "-a", "1", ...words], { stdio: "ignore" });
  const ssl = (line: string, ...words: readonly string[]) => {
    const { status } = spawnSync(program("openssl"), [...line.split(" "), ...words], { stdio: "ignore" });
    return status === 0;
  };
  const add = (title: string, passphrase: string, make: (path: string) => unknown): string => {
    const path = join(folder, String(cases.length));
    // What an openssl cannot make is no case.
    if (make(path) === false) return path;
    rmSync(`${path}.pub`, { force: true });
    chmodSync(path, 0o600);
    cases.push({ title, path, passphrase });
    return path;
  };
  const pass = `pass:${PASSPHRASE}`;
  const plain: Record<string, string> = {};
  const originals: [title: string, path: string, passphrase: string][] = [];

  for (const [kind, how] of Object.entries(KINDS)) {
    plain[kind] = add(`${kind} in PKCS#8`, "", (path) => ssl(`genpkey ${how} -out ${path}`));
  }
  const { rsa = "", "ecdsa-256": ecdsa = "" } = plain;
  for (const kind of Object.keys(KINDS)) {
    const from = plain[kind] ?? "";
    const encrypted = add(`${kind} in PKCS#8, with a passphrase`, PASSPHRASE, (path) =>
      ssl(`pkcs8 -topk8 -in ${from} -iter 100 -out ${path} -passout`, pass),
    );
    if (kind === "rsa") originals.push(["encrypted PKCS#8", encrypted, PASSPHRASE]);
    if (kind !== "ed25519") {
      const traditional = kind === "rsa" ? "rsa -traditional" : "ec";
      const old = add(`${kind} in PEM`, "", (path) => ssl(`${traditional} -in ${from} -out ${path}`));
      const locked = add(`${kind} in PEM, with a passphrase`, PASSPHRASE, (path) =>
        ssl(`${traditional} -in ${from} -aes128 -out ${path} -passout`, pass),
      );
      if (kind === "rsa") originals.push(["PEM", old, ""], ["encrypted PEM", locked, PASSPHRASE]);
    }
    // ssh-keygen writes its own format, and reads no other of ed25519.
    const inOwnFormat = (passphrase: string) => (path: string) => {
      if (kind === "ed25519") return keygen("-t", kind, "-N", passphrase, "-f", path);
      copyFileSync(from, path);
      chmodSync(path, 0o600);
      return keygen("-p", "-P", "", "-N", passphrase, "-f", path);
    };
    const own = add(`${kind} in OpenSSH's format`, "", inOwnFormat(""));
    const sealed = add(`${kind} in OpenSSH's format, with a passphrase`, PASSPHRASE, inOwnFormat(PASSPHRASE));
    if (kind === "ed25519")
      originals.push(["OpenSSH's", own, ""], ["encrypted OpenSSH's", sealed, PASSPHRASE]);
  }
  originals.push(["PKCS#8", rsa, ""]);

  for (const cipher of CIPHERS) {
    add(cipher, PASSPHRASE, (path) =>
      keygen("-t", "ed25519", "-Z", cipher, "-N", PASSPHRASE, "-C", "Jörg's key", "-f", path),
    );
  }
  for (const cipher of PEM_CIPHERS) {
    add(`PKCS#1 with ${cipher}`, PASSPHRASE, (path) =>
      ssl(`rsa -in ${rsa} -traditional -${cipher} -out ${path} -passout`, pass),
    );
  }
  for (const way of PKCS8_WAYS) {
    add(`PKCS#8 by ${way}`, PASSPHRASE, (path) =>
      ssl(`pkcs8 -topk8 -in ${ecdsa} ${way} -out ${path} -passout`, pass),
    );
  }
  for (const [kind, how] of Object.entries(ODD_KINDS)) {
    const from = add(kind, "", (path) => ssl(`genpkey ${how} -out ${path}`));
    add(`${kind}, with a passphrase`, PASSPHRASE, (path) =>
      ssl(`pkcs8 -topk8 -in ${from} -out ${path} -passout`, pass),
    );
  }
  addOddEc(add, ssl, ecdsa, pass);
  const parameters = join(folder, "dsa.parameters");
  ssl(`dsaparam -out ${parameters} 1024`);
  const dsa = add("dsa in PKCS#8", "", (path) => ssl(`gendsa -out ${path} ${parameters}`));
  add("dsa in PEM", "", (path) => ssl(`dsa -in ${dsa} -out ${path}`));
  add("dsa in PEM, with a passphrase", PASSPHRASE, (path) =>
    ssl(`dsa -in ${dsa} -aes128 -out ${path} -passout`, pass),
  );
  add("nothing", "", (path) => writeFileSync(path, ""));

  for (const [name, path, passphrase] of originals) {
    const text = readFileSync(path, "utf8");
    for (const [title, alter] of Object.entries(ALTERATIONS)) {
      add(`${name}, ${title}`, passphrase, (copy) => writeFileSync(copy, alter(text)));
    }
  }
  for (const mode of MODES) {
    const copy = add(`mode ${mode.toString(8)}`, "", (path) => copyFileSync(rsa, path));
    chmodSync(copy, mode);
  }
  return cases;
}

type Adding = (title: string, passphrase: string, make: (path: string) => unknown) => string;
type Ssl = (line: string, ...words: readonly string[]) => boolean;

/** Elliptic curves in ways of their own. */
function addOddEc(add: Adding, ssl: Ssl, ecdsa: string, pass: string): void {
  add("SEC1 behind its parameters", "", (path) => ssl(`ecparam -name prime256v1 -genkey -out ${path}`));
  add("a curve in full, in SEC1", "", (path) => ssl(`ec -in ${ecdsa} -param_enc explicit -out ${path}`));
  add("a curve in full, in SEC1, with a passphrase", PASSPHRASE, (path) =>
    ssl(`ec -in ${ecdsa} -param_enc explicit -aes256 -out ${path} -passout`, pass),
  );
  add("a point that is compressed", "", (path) => ssl(`ec -in ${ecdsa} -conv_form compressed -out ${path}`));
  add("SEC1 without its public half", "", (path) => ssl(`ec -in ${ecdsa} -no_public -out ${path}`));
}
