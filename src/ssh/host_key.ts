import { basename } from "node:path";
import { Failure } from "../failure.ts";
import type { Note } from "../report/note.ts";
import { quoted } from "../shell_word.ts";
import type { KnownKeys } from "./algorithms.ts";
import { judgeOffered } from "./certificate_verdict.ts";
import { fingerprint, rsaBits, typeOf } from "./key_blob.ts";
import { isNamed, type KnownHost, knownTypes, parseKnownHosts } from "./known_hosts.ts";
import { readRegular } from "./regular_file.ts";
import type { Target } from "./target.ts";

/** Reads the target's known_hosts files. As for ssh(1), one that cannot be read holds nothing; that is noted. */
export async function readKnownHosts(target: Target, note: Note): Promise<readonly KnownHost[]> {
  const texts = target.knownHosts.value.map(async (path) => {
    try {
      return parseKnownHosts((await readRegular(path)).text, path);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code !== "ENOENT") note(`${path}: cannot be read (${code}): no host key of it counts`);
      return [];
    }
  });
  return (await Promise.all(texts)).flat();
}

/** Decides about the keys that one server shows, at login and whenever the keys are renewed. */
export class HostKeyCheck {
  /** Types of the keys the server is known by, and whether an authority may vouch for others. */
  readonly known: KnownKeys;
  readonly #target: Target;
  readonly #entries: readonly KnownHost[];
  readonly #names: readonly string[];
  #accepted: { readonly key: Buffer; readonly entry: KnownHost } | undefined;

  constructor(target: Target, entries: readonly KnownHost[]) {
    this.#target = target;
    this.#entries = entries;
    this.#names = namesOf(target);
    const certified = entries.some(
      ({ marker, names }) => marker === "cert-authority" && this.#names.some((name) => isNamed(names, name)),
    );
    this.known = { types: knownTypes(entries, this.#names), certified };
  }

  /** Undefined when the key or certificate is right by known_hosts; otherwise what is wrong with it. */
  refuse(offered: Buffer): Failure | undefined {
    const { server } = this.#target;
    const judged = judgeOffered(offered, {
      entries: this.#entries,
      names: this.#names,
      now: BigInt(Math.floor(Date.now() / 1000)),
      signatures: this.#target.caSignatures.value,
      keys: this.#target.allowed.value.hostKey,
    });
    if (judged === undefined) {
      return new Failure("hostkey", server, "the server's host certificate makes no sense, or is forged");
    }
    const { key, verdict, objection } = judged;
    if (this.#accepted !== undefined) {
      if (this.#accepted.key.equals(key)) return undefined;
      return new Failure("hostkey", server, "the server has shown another host key in the same connection");
    }
    const bits = rsaBits(key);
    if (bits !== undefined && bits < this.#target.smallestRsa.value) {
      return new Failure("hostkey", server, `the server's RSA key has only ${bits} bits`);
    }
    switch (verdict.kind) {
      case "known":
        this.#accepted = { key: Buffer.from(key), entry: verdict.entry };
        return undefined;
      case "changed":
        return this.#changed(key, verdict.entries);
      case "revoked":
        return new Failure(
          "hostkey",
          server,
          `host key revoked (${place(verdict.entry)} revokes ${shown(verdict.entry.key)})`,
        );
      case "unknown":
        return this.#unknown(key, verdict.authorities, objection);
    }
  }

  /** "ssh-ed25519 SHA256:... known_hosts:12", once a key has been accepted. */
  get outcome(): string {
    const { key, entry } = this.#accepted ?? {};
    return key === undefined || entry === undefined ? "" : `${shown(key)} ${place(entry)}`;
  }

  #changed(key: Buffer, entries: readonly KnownHost[]): Failure {
    const type = typeOf(key);
    // The key of the same type says most; ssh(1) names the last one it has seen.
    const wanted = entries.find(({ keyType }) => keyType === type) ?? entries[0];
    const other = wanted?.keyType !== type;
    const has = wanted && `${place(wanted)} has ${other ? shown(wanted.key) : fingerprint(wanted.key)}`;
    const offered = other ? shown(key) : fingerprint(key);
    const [name = ""] = this.#names;
    const files = [...new Set(entries.map(({ file }) => file))];
    const remove = files.map((file) => `ssh-keygen -R ${quoted(name)} -f ${quoted(file)}`).join("; ");
    const hint = `if the server was reinstalled, remove the old key: ${remove}`;
    return new Failure(
      "hostkey",
      this.#target.server,
      `host key changed (${has}, the server offered ${offered})`,
      { hints: [hint] },
    );
  }

  #unknown(key: Buffer, authorities: readonly KnownHost[], objection: string | undefined): Failure {
    const { server, knownHosts } = this.#target;
    const kind = { "ssh-ed25519": "ed25519", "ssh-rsa": "rsa" }[typeOf(key)] ?? "ecdsa";
    // The very key that was compared, which ssh-keyscan could not promise.
    const line = `${this.#names[0]} ${typeOf(key)} ${key.toString("base64")}`;
    const [certified] = authorities;
    const offered = `the server offered ${shown(key)}`;
    const about =
      objection === undefined ? offered : `${offered}, whose certificate does not count: ${objection}`;
    return new Failure("hostkey", server, `host key unknown (${about})`, {
      hints: [
        `compare it with the server's own: ssh-keygen -lf /etc/ssh/ssh_host_${kind}_key.pub over there`,
        `if it is the same, accept it: echo ${quoted(line)} >> ${quoted(knownHosts.value[0] ?? "known_hosts")}`,
        ...(certified && objection === undefined
          ? [`${place(certified)} trusts an authority, but the server has shown no certificate`]
          : []),
      ],
    });
  }
}

/** sshconnect.c: a key under a port's bare name counts too, but for a HostKeyAlias. */
function namesOf({ hostKeyName, host, port }: Target): readonly string[] {
  const bare = host.value.toLowerCase();
  return hostKeyName.value === `[${bare}]:${port.value}` ? [hostKeyName.value, bare] : [hostKeyName.value];
}

function place({ file, line }: KnownHost): string {
  return `${basename(file)}:${line}`;
}

function shown(key: Buffer): string {
  return `${typeOf(key)} ${fingerprint(key)}`;
}
