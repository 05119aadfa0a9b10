import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { program } from "./programs.ts";

/** Kinds of keys ssh-keygen makes. */
export type KeyType = "ed25519" | "rsa" | "ecdsa";

/** A key pair on disk. */
export interface Key {
  readonly type: KeyType;
  /** Path of the private key; the public one has .pub behind it. */
  readonly path: string;
  /** The public key as in known_hosts and authorized_keys: `ssh-ed25519 AAAA...`. */
  readonly line: string;
}

/** Makes a key pair at `path`; a passphrase makes it an encrypted one. */
export function makeKey(path: string, type: KeyType = "ed25519", passphrase = ""): Key {
  const size = type === "rsa" ? ["-b", "2048"] : [];
  execFileSync(program("ssh-keygen"), [
    "-q",
    "-t",
    type,
    ...size,
    "-N",
    passphrase,
    "-C",
    "test",
    "-f",
    path,
  ]);
  return { type, path, line: keyLine(path) };
}

/** The public key beside a private one, without its comment. */
function keyLine(path: string): string {
  return readFileSync(`${path}.pub`, "utf8").split(" ").slice(0, 2).join(" ").trim();
}

/** `[host]:port` as known_hosts calls a server, or the bare host for port 22 (sshd(8)). */
export function hostKeyName(host: string, port: number): string {
  return port === 22 ? host : `[${host}]:${port}`;
}

/** Replaces the names of a known_hosts file by their hashes. */
export function hashKnownHosts(path: string): void {
  execFileSync(program("ssh-keygen"), ["-q", "-H", "-f", path], { stdio: "ignore" });
}
