import { basename } from "node:path";
import { Failure } from "../failure.ts";
import { quoted } from "../shell_word.ts";
import type { HostKeyFiles } from "./host_key_files.ts";
import { fingerprint, rsaBits, typeOf } from "./key_blob.ts";
import { judge, type KnownHost, knownTypes } from "./known_hosts.ts";
import type { Target } from "./target.ts";

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
  /** Types of the keys the server is known by. */
  readonly knownTypes: ReadonlySet<string>;
  readonly #target: Target;
  readonly #files: HostKeyFiles;
  readonly #names: readonly string[];
  #first: Buffer | undefined;
  #accepted: { readonly key: Buffer; readonly how: string } | undefined;

  constructor(target: Target, files: HostKeyFiles) {
    this.#target = target;
    this.#files = files;
    this.#names = namesOf(target);
    this.knownTypes = knownTypes(files.entries, this.#names);
  }

  /**
   * Judges a key of the server's. The first one gets its verdict from what is written down; every later one
   * is compared with it, and trusted only if the first has been. Throws nothing.
   */
  rule(key: Buffer): Ruling {
    if (this.#first === undefined) {
      this.#first = Buffer.from(key);
      return this.#verdict(this.#first);
    }
    if (this.#accepted?.key.equals(key)) return TRUSTED;
    return this.#refused("the server has shown another host key in the same connection");
  }

  /** Makes the first key, which was unknown, a trusted one: a person has said so. */
  accept(): void {
    if (this.#first !== undefined) this.#accepted = { key: this.#first, how: "accepted now" };
  }

  /** "ssh-ed25519 SHA256:... known_hosts:12", once a key has been accepted. */
  get outcome(): string {
    return this.#accepted === undefined ? "" : `${shown(this.#accepted.key)} ${this.#accepted.how}`;
  }

  /**
   * The only place where a key gets its verdict, in the order of sshconnect2.c and sshconnect.c. Never offered,
   * and so unknown here: certificates, whose authorities are the entries so marked, and which are revoked with
   * their authority's key too.
   */
  #verdict(key: Buffer): Ruling {
    const bits = rsaBits(key);
    if (bits !== undefined && bits < this.#target.smallestRsa.value) {
      return this.#refused(`the server's RSA key has only ${bits} bits`);
    }
    const revocation = this.#revocation(key);
    if (revocation !== undefined) return revocation;
    const verdict = judge(this.#files.entries, this.#names, key);
    switch (verdict.kind) {
      case "known":
        this.#accepted = { key, how: place(verdict.entry) };
        return TRUSTED;
      case "changed":
        return this.#changed(key, verdict.entries);
      case "revoked":
        return this.#refused(`host key revoked (${place(verdict.entry)} revokes ${shown(key)})`);
      case "unknown":
        return this.#unknown(key, verdict.authorities);
    }
  }

  #refused(what: string, hints: readonly string[] = []): Ruling {
    return { kind: "refused", failure: new Failure("hostkey", this.#target.server, what, { hints }) };
  }

  /** What RevokedHostKeys has against a key: to be asked for a certificate's authority too. */
  #revocation(key: Buffer): Ruling | undefined {
    for (const { file, hasKey } of this.#files.revoked) {
      try {
        if (hasKey(key)) return this.#refused(`host key revoked (${file} revokes ${shown(key)})`);
      } catch (error) {
        if (!(error instanceof RangeError)) throw error;
        const hint = `mend ${file}, or take it from RevokedHostKeys in ssh_config: till then no host key is trusted`;
        return this.#refused(`no telling whether the host key is revoked (${file} ${error.message})`, [hint]);
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

  #unknown(key: Buffer, authorities: readonly KnownHost[]): Ruling {
    const { server, newHostKeys } = this.#target;
    const [name = ""] = this.#names;
    // The very key that was compared, which ssh-keyscan could not promise.
    const line = `${name} ${typeOf(key)} ${key.toString("base64")}`;
    const [certified] = authorities;
    const hints = [
      `compare it with the server's own: ${printing(key)} over there`,
      `if it is the same, accept it: echo ${quoted(line)} >> ${quoted(newHostKeys.value ?? "known_hosts")}`,
      ...(certified ? [`${place(certified)} trusts an authority: host certificates are not supported`] : []),
    ];
    const what = `host key unknown (the server offered ${shown(key)})`;
    const failure = new Failure("hostkey", server, what, { hints });
    const elsewhere = this.#files.entries.filter((entry) => entry.marker === "none" && entry.key.equals(key));
    return { kind: "unknown", failure, unknown: { key, name, elsewhere } };
  }
}

/** sshconnect.c: a key under a port's bare name counts too, but for a HostKeyAlias. */
function namesOf({ hostKeyName, host, port }: Target): readonly string[] {
  const bare = host.value.toLowerCase();
  return hostKeyName.value === `[${bare}]:${port.value}` ? [hostKeyName.value, bare] : [hostKeyName.value];
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
