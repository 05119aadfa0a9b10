import { getCiphers } from "node:crypto";
import type { Algorithms } from "ssh2";
import { Failure } from "../failure.ts";
import type { Target } from "./target.ts";

/*
 * What is offered, best first. Left out of what ssh2 has: everything with SHA-1 or CBC; group exchange, which
 * blocks for more than a second; and the groups above 14: Bun takes 3 s to set up group 16 and 26 s for 18.
 */

const KEX = [
  "curve25519-sha256",
  "curve25519-sha256@libssh.org",
  "ecdh-sha2-nistp256",
  "ecdh-sha2-nistp384",
  "ecdh-sha2-nistp521",
  "diffie-hellman-group14-sha256",
] as const;

/** ChaCha20 is last because ssh2 computes half of it in WebAssembly. */
const ALL_CIPHERS = [
  "aes128-gcm@openssh.com",
  "aes256-gcm@openssh.com",
  "aes128-ctr",
  "aes192-ctr",
  "aes256-ctr",
  "chacha20-poly1305@openssh.com",
] as const;

/** Bun has no ChaCha20 of its own, and ssh2 throws when it is asked for what it cannot do. */
const CIPHERS = ALL_CIPHERS.filter(
  (name) => !name.startsWith("chacha20") || getCiphers().includes("chacha20"),
);

const MACS = [
  "hmac-sha2-256-etm@openssh.com",
  "hmac-sha2-512-etm@openssh.com",
  "hmac-sha2-256",
  "hmac-sha2-512",
] as const;

/** Signature algorithms of host keys, in ssh(1)'s order, and the type of key each is made with. */
const HOST_KEYS = [
  ["ssh-ed25519", "ssh-ed25519"],
  ["ecdsa-sha2-nistp256", "ecdsa-sha2-nistp256"],
  ["ecdsa-sha2-nistp384", "ecdsa-sha2-nistp384"],
  ["ecdsa-sha2-nistp521", "ecdsa-sha2-nistp521"],
  ["rsa-sha2-512", "ssh-rsa"],
  ["rsa-sha2-256", "ssh-rsa"],
] as const;

/**
 * The algorithms to offer to a server whose keys of `known` types are in known_hosts: these come first, or a
 * server known by one key would show another. What ssh_config does not allow is left out. Throws a Failure
 * when nothing is left.
 */
export function offer(target: Target, known: ReadonlySet<string>) {
  const { server, allowed, compression } = target;
  const { kex, hostKey, cipher, mac } = allowed.value;
  const macs = MACS.filter((name) => mac?.includes(name) ?? true);
  // Without a MAC in common the ciphers that authenticate by themselves are left.
  const ciphers = CIPHERS.filter((name) => macs.length > 0 || !name.endsWith("-ctr"));
  const first = HOST_KEYS.filter(([, type]) => known.has(type));
  const others = HOST_KEYS.filter(([, type]) => !known.has(type));
  const hostKeys = [...first, ...others].map(([name]) => name);
  return {
    kex: permitted(KEX, kex, server, "KexAlgorithms"),
    serverHostKey: permitted(hostKeys, hostKey, server, "HostKeyAlgorithms"),
    cipher: permitted(ciphers, cipher, server, "Ciphers"),
    hmac: macs.length > 0 ? macs : [...MACS],
    compress: compression.value ? ["zlib@openssh.com", "none"] : ["none"],
  } satisfies Algorithms;
}

function permitted<T extends string>(
  ours: readonly T[],
  allowed: readonly string[] | undefined,
  server: string,
  option: string,
): T[] {
  const left = ours.filter((name) => allowed?.includes(name) ?? true);
  if (left.length > 0) return left;
  throw new Failure("table", server, `ssh_config allows none of the ${option} there are here`, {
    hints: [`allow one of them for this host: ${option} ${ours.join(",")}`],
  });
}
