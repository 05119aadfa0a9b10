import { basename } from "node:path";
import { Failure } from "../../failure.ts";
import { intoFolder } from "../../into_folder.ts";
import { quoted } from "../../shell_word.ts";
import type { Target } from "../../target/target.ts";
import type { KnownKeys } from "../exchange/algorithms.ts";
import { fingerprint, rsaBits, typeOf } from "../keys/blob.ts";
import { judgeOffered } from "./certificate_verdict.ts";
import { readHostCertificate } from "./host_certificate.ts";
import type { HostKeyFiles } from "./host_key_files.ts";
import { isNamed, type KnownHost, knownTypes } from "./known_hosts.ts";

/** A key that nobody knows, which a person may accept. */
export interface UnknownKey {
  readonly key: Buffer;
  /** What known_hosts would call the server. */
  readonly name: string;
  /** Lines that have the very same key for other names. */
  readonly elsewhere: readonly KnownHost[];
}

/** What is to become of a key. */
export type Ruling =
  | { readonly kind: "trusted" }
  | { readonly kind: "refused"; readonly failure: Failure }
  | { readonly kind: "unknown"; readonly failure: Failure; readonly unknown: UnknownKey };

const TRUSTED: Ruling = { kind: "trusted" };

/** Decides about the keys that one server shows, at login and whenever the keys are renewed. */
export class HostKeyCheck {
  /** Types of the keys the server is known by, and whether an authority may vouch for others. */
  readonly known: KnownKeys;
  readonly #target: Target;
  readonly #files: HostKeyFiles;
  readonly #names: readonly string[];
  #entries: readonly KnownHost[];
  /** The lines about the server. */
  #mine: readonly KnownHost[];
  #first: Buffer | undefined;
  /** The first key without its certificate, where nobody knows it. */
  #unknownKey: Buffer | undefined;
  #accepted: { readonly key: Buffer; readonly how: string; readonly voucher?: KnownHost } | undefined;

  constructor(target: Target, files: HostKeyFiles) {
    this.#target = target;
    this.#files = files;
    this.#names = namesOf(target);
    this.#entries = files.entries;
    // Once: each hashed name is a hash to be made, and there may be tens of thousands.
    this.#mine = this.#about(files.entries);
    const expected = [...this.#mine, ...this.#about(files.expected ?? [])];
    const certified = expected.some(({ marker }) => marker === "cert-authority");
    this.known = { types: knownTypes(expected, this.#names), certified };
  }

  #about(entries: readonly KnownHost[]): readonly KnownHost[] {
    return entries.filter(({ names }) => this.#names.some((name) => isNamed(names, name)));
  }

  /** Whether learn() comes before the first rule(). */
  get isToLearn(): boolean {
    return this.#files.askAbout !== undefined && this.#entries === this.#files.entries;
  }

  /** Asks for what is known of a key that the server has shown. Throws as that does. */
  async learn(offered: Buffer): Promise<void> {
    const more = (await this.#files.askAbout?.(offered)) ?? [];
    this.#entries = [...this.#files.entries, ...more];
    this.#mine = [...this.#mine, ...this.#about(more)];
  }

  /**
   * Judges a key of the server's, or a certificate. The first one gets its verdict from what is written down; every
   * later one is compared with it, and trusted only if the first has been. Throws nothing.
   */
  rule(offered: Buffer): Ruling {
    if (this.#first === undefined) {
      this.#first = Buffer.from(offered);
      return this.#verdict(this.#first);
    }
    if (this.#accepted !== undefined && this.#first.equals(offered)) return TRUSTED;
    return this.#refused("the server has changed its host key within the connection");
  }

  /** Makes the first key, which was unknown, a trusted one: a person has said so. */
  accept(): void {
    if (this.#unknownKey !== undefined) this.#accepted = { key: this.#unknownKey, how: "accepted now" };
  }

  /** "ssh-ed25519 SHA256:... known_hosts:12", once a key has been accepted. */
  get outcome(): string {
    return this.#accepted === undefined ? "" : `${shown(this.#accepted.key)} ${this.#accepted.how}`;
  }

  /** The line that vouches for the key; undefined where a person does. */
  get voucher(): KnownHost | undefined {
    return this.#accepted?.voucher;
  }

  /**
   * The only place where a key gets its verdict, in the order of sshconnect2.c and sshconnect.c. A certificate that
   * counts makes its key a known one; one that does not leaves the key to be judged as though it were plain.
   */
  #verdict(offered: Buffer): Ruling {
    const judged = judgeOffered(offered, {
      entries: this.#mine,
      names: this.#names,
      now: BigInt(Math.floor(Date.now() / 1000)),
      signatures: this.#target.caSignatures.value,
      keys: this.#target.allowed.value.hostKey,
    });
    if (judged === undefined) {
      return this.#refused("the server's host certificate is malformed or forged");
    }
    const { key, verdict, objection } = judged;
    const bits = rsaBits(key);
    if (bits !== undefined && bits < this.#target.smallestRsa.value) {
      return this.#refused(`the server's RSA key has only ${bits} bits`);
    }
    const revocation = this.#revocation(key, offered);
    if (revocation !== undefined) return revocation;
    switch (verdict.kind) {
      case "known":
        this.#accepted = { key, how: place(verdict.entry), voucher: verdict.entry };
        return TRUSTED;
      case "changed":
        return this.#changed(key, verdict.entries);
      case "revoked":
        return this.#refused(
          `host key revoked (${place(verdict.entry)} revokes ${shown(verdict.entry.key)})`,
        );
      case "unknown":
        return this.#unknown(key, verdict.authorities, objection);
    }
  }

  #refused(what: string, hints: readonly string[] = []): Ruling {
    return { kind: "refused", failure: new Failure("hostkey", this.#target.server, what, { hints }) };
  }

  /** What RevokedHostKeys has against a key, its authority, or the certificate that it came in. */
  #revocation(key: Buffer, offered: Buffer): Ruling | undefined {
    const certificate = readHostCertificate(offered);
    const keys = certificate === undefined ? [key] : [key, certificate.authority];
    for (const { file, hasKey, hasCertificate } of this.#files.revoked) {
      try {
        const revoked = keys.find(hasKey);
        if (revoked !== undefined)
          return this.#refused(`host key revoked (${file} revokes ${shown(revoked)})`);
        if (certificate !== undefined && hasCertificate(certificate)) {
          return this.#refused(`host key revoked (${file} revokes the certificate "${certificate.keyId}")`);
        }
      } catch (error) {
        if (!(error instanceof RangeError)) throw error;
        const hint = `correct ${file}, or remove it from RevokedHostKeys in ssh_config: until then preauth trusts no host key`;
        return this.#refused(`cannot tell whether the host key is revoked (${file} ${error.message})`, [
          hint,
        ]);
      }
    }
    return undefined;
  }

  #changed(key: Buffer, entries: readonly KnownHost[]): Ruling {
    const type = typeOf(key);
    // The key of the same type says most; ssh(1) names the last one it has seen.
    const wanted = entries.find(({ keyType }) => keyType === type) ?? entries[0];
    const other = wanted?.keyType !== type;
    const has = wanted && `${place(wanted)} has ${other ? shown(wanted.key) : fingerprint(wanted.key)}`;
    const offered = other ? shown(key) : fingerprint(key);
    const [name = ""] = this.#names;
    const files = [...new Set(entries.map(({ file }) => file))];
    const remove = files.map((file) => `ssh-keygen -R ${quoted(name)} -f ${quoted(file)}`).join("; ");
    return this.#refused(`host key changed (${has}, the server offered ${offered})`, [
      `if the server was reinstalled, remove the old key: ${remove}`,
    ]);
  }

  #unknown(key: Buffer, authorities: readonly KnownHost[], objection: string | undefined): Ruling {
    const { server, newHostKeys } = this.#target;
    const [name = ""] = this.#names;
    this.#unknownKey = key;
    // The very key that was compared, which ssh-keyscan could not promise.
    const line = `${name} ${typeOf(key)} ${key.toString("base64")}`;
    const [certified] = authorities;
    const hints = [
      `compare it with the server's own key; on the server run: ${printing(key)}`,
      `if it is the same, accept it: ${accepting(line, newHostKeys.value ?? "known_hosts")}`,
      ...(certified && objection === undefined
        ? [`${place(certified)} trusts an authority, but the server has shown no certificate`]
        : []),
    ];
    const offered = `the server offered ${shown(key)}`;
    const about =
      objection === undefined ? offered : `${offered}, whose certificate is not valid: ${objection}`;
    const failure = new Failure("hostkey", server, `host key unknown (${about})`, { hints });
    const elsewhere = this.#entries.filter((entry) => entry.marker === "none" && entry.key.equals(key));
    return { kind: "unknown", failure, unknown: { key, name, elsewhere } };
  }
}

/** What known_hosts may call the server. sshconnect.c: a key under a port's bare name counts too, but for a HostKeyAlias. */
export function namesOf({ hostKeyName, host, port }: Target): readonly string[] {
  const bare = host.value.toLowerCase();
  return hostKeyName.value === `[${bare}]:${port.value}` ? [hostKeyName.value, bare] : [hostKeyName.value];
}

/** A line for the shell that adds a line to known_hosts. */
function accepting(line: string, file: string): string {
  return intoFolder(file, `echo ${quoted(line)} >> ${quoted(file)}`);
}

/** How the server itself shows this key. */
export function printing(key: Buffer): string {
  const kind = { "ssh-ed25519": "ed25519", "ssh-rsa": "rsa" }[typeOf(key)] ?? "ecdsa";
  return `ssh-keygen -lf /etc/ssh/ssh_host_${kind}_key.pub`;
}

/** A line of known_hosts, for messages. */
export function place({ file, line }: KnownHost): string {
  return `${basename(file)}:${line}`;
}

/** A key's type and fingerprint. */
export function shown(key: Buffer): string {
  return `${typeOf(key)} ${fingerprint(key)}`;
}
