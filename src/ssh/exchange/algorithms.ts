import { Failure } from "../../failure.ts";
import type { Target } from "../../target/target.ts";

/*
 * What is offered, best first. Left out of what ssh2 has: everything with SHA-1 or CBC, and group exchange, whose
 * primes come from the server and cannot be told from bad ones in useful time.
 */

/** Post-quantum key exchange: draft-ietf-sshm-mlkem-hybrid-kex, the first choice of OpenSSH 10. */
export const MLKEM = "mlkem768x25519-sha256";

/** In ssh(1)'s order (myproposal.h). */
const KEX: readonly string[] = [
  MLKEM,
  "curve25519-sha256",
  "curve25519-sha256@libssh.org",
  "ecdh-sha2-nistp256",
  "ecdh-sha2-nistp384",
  "ecdh-sha2-nistp521",
  "diffie-hellman-group16-sha512",
  "diffie-hellman-group18-sha512",
  "diffie-hellman-group14-sha256",
];

/** ChaCha20, which is for servers that have nothing else. It is last because it is computed in JavaScript. */
export const CHACHA20 = "chacha20-poly1305@openssh.com";

const CIPHERS: readonly string[] = [
  "aes128-gcm@openssh.com",
  "aes256-gcm@openssh.com",
  "aes128-ctr",
  "aes192-ctr",
  "aes256-ctr",
  CHACHA20,
];

/** What `ssh -G` prints where nobody has chosen: until OpenSSH 9.9, and since. */
const SSH_CIPHERS: readonly string[] = [
  "chacha20-poly1305@openssh.com,aes128-ctr,aes192-ctr,aes256-ctr,aes128-gcm@openssh.com,aes256-gcm@openssh.com",
  "chacha20-poly1305@openssh.com,aes128-gcm@openssh.com,aes256-gcm@openssh.com,aes128-ctr,aes192-ctr,aes256-ctr",
];

const MACS: readonly string[] = [
  "hmac-sha2-256-etm@openssh.com",
  "hmac-sha2-512-etm@openssh.com",
  "hmac-sha2-256",
  "hmac-sha2-512",
];

/** Signature algorithms of host keys, in ssh(1)'s order, and the type of key each is made with. */
const HOST_KEYS: ReadonlyMap<string, string> = new Map([
  ["ssh-ed25519", "ssh-ed25519"],
  ["ecdsa-sha2-nistp256", "ecdsa-sha2-nistp256"],
  ["ecdsa-sha2-nistp384", "ecdsa-sha2-nistp384"],
  ["ecdsa-sha2-nistp521", "ecdsa-sha2-nistp521"],
  ["rsa-sha2-512", "ssh-rsa"],
  ["rsa-sha2-256", "ssh-rsa"],
]);

/** The same with certificates, which ssh(1) has before plain keys. */
const CERTIFICATES = [...HOST_KEYS.keys()].map((name) => `${name}-cert-v01@openssh.com`);

/** What known_hosts has for a server. */
export interface KnownKeys {
  /** Types of its plain keys. */
  readonly types: ReadonlySet<string>;
  /** Whether an authority may vouch for it. */
  readonly certified: boolean;
}

/** Lists for ssh2, each for both directions; @types/ssh2 does not have all of the names. */
export interface Proposal {
  readonly kex: readonly string[];
  readonly serverHostKey: readonly string[];
  readonly cipher: readonly string[];
  readonly hmac: readonly string[];
  readonly compress: readonly string[];
}

/**
 * The algorithms to offer to a server of which known_hosts has these keys: they come first, or a server known by one
 * key would show another. What ssh_config does not allow is left out, and the order it gives is kept. Throws a Failure
 * when nothing is left.
 */
export function proposal(target: Target, known: KnownKeys): Proposal {
  const { server, allowed, compression } = target;
  const macs = narrowed(MACS, allowed.value.mac);
  // Without a MAC in common the ciphers that authenticate by themselves are left.
  const ciphers = ciphersFor(allowed.value.cipher).filter(
    (name) => macs.length > 0 || !name.endsWith("-ctr"),
  );
  const hostKeys = hostKeysFor(allowed.value.hostKey, known);
  return {
    kex: some(keyExchangesFor(allowed.value.kex), KEX, server, "KexAlgorithms"),
    serverHostKey: some(hostKeys, [...HOST_KEYS.keys()], server, "HostKeyAlgorithms"),
    cipher: some(ciphers, CIPHERS, server, "Ciphers"),
    hmac: macs.length > 0 ? macs : MACS,
    compress: compression.value ? ["zlib@openssh.com", "none"] : ["none"],
  };
}

/**
 * Those of the key exchanges that KexAlgorithms allows. An ssh before 9.9 cannot name ML-KEM: a list of its that has
 * all the others is taken for one that nobody has narrowed.
 */
export function keyExchangesFor(allowed: readonly string[] | undefined): readonly string[] {
  const left = narrowed(KEX, allowed);
  return !left.includes(MLKEM) && left.length === KEX.length - 1 ? [MLKEM, ...left] : left;
}

function ciphersFor(allowed: readonly string[] | undefined): readonly string[] {
  const chosen = allowed !== undefined && !SSH_CIPHERS.includes(allowed.join(","));
  return chosen ? narrowed(CIPHERS, allowed) : CIPHERS;
}

/**
 * sshconnect2.c, order_hostkeyalgs: what is known comes first, unless the user has given an order. Certificates that
 * nobody could judge come last here, and first there: ssh(1) then looks at the key in them.
 */
function hostKeysFor(allowed: readonly string[] | undefined, known: KnownKeys): readonly string[] {
  const left = narrowed([...CERTIFICATES, ...HOST_KEYS.keys()], allowed);
  const plain = [...HOST_KEYS].filter(([name]) => left.includes(name));
  const certificates = CERTIFICATES.filter((name) => left.includes(name));
  const usual = [...certificates, ...plain.map(([name]) => name)];
  if (left.some((name, index) => name !== usual[index])) return left;
  const isKnown = ([, type]: readonly [string, string]) => known.types.has(type);
  const ordered = [...plain.filter(isKnown), ...plain.filter((one) => !isKnown(one))].map(([name]) => name);
  return known.certified ? [...certificates, ...ordered] : [...ordered, ...certificates];
}

/** Those of ours that are allowed, in the order of the list that says so. */
function narrowed(ours: readonly string[], allowed: readonly string[] | undefined): readonly string[] {
  return allowed === undefined ? ours : allowed.filter((name) => ours.includes(name));
}

function some(
  left: readonly string[],
  ours: readonly string[],
  server: string,
  option: string,
): readonly string[] {
  if (left.length > 0) return left;
  throw new Failure("table", server, `ssh_config allows none of the ${option} that preauth has`, {
    hints: [
      `allow one of them for this host: ${option} ${ours.join(",")}`,
      "doc/ssh.md lists what preauth offers, which is less than ssh does",
    ],
  });
}
