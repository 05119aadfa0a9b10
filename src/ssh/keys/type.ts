/*
 * Types of public keys and the algorithms that go with them: RFC 4253 section 6.6, RFC 5656, RFC 8709, RFC 8332 for
 * RSA with SHA-2, PROTOCOL.certkeys and PROTOCOL.u2f of OpenSSH.
 */

const CERTIFICATE = "-cert-v01@openssh.com";

/** Kinds of keys that can be offered, each also with a certificate. */
const PLAIN: ReadonlySet<string> = new Set([
  "ssh-ed25519",
  "ecdsa-sha2-nistp256",
  "ecdsa-sha2-nistp384",
  "ecdsa-sha2-nistp521",
  "ssh-rsa",
  "sk-ssh-ed25519@openssh.com",
  "sk-ecdsa-sha2-nistp256@openssh.com",
]);

/** RFC 8332: the key stays an ssh-rsa, but is never used with that name's SHA-1. In ssh(1)'s order. */
const RSA = ["rsa-sha2-512", "rsa-sha2-256"] as const;

/** Whether the type or algorithm is a certificate's. */
export function isCertificate(type: string): boolean {
  return type.endsWith(CERTIFICATE);
}

/** Whether a touch of a security key is needed to sign. */
export function isSecurityKey(type: string): boolean {
  return type.startsWith("sk-");
}

/** The type of the key in a certificate, or of the signature an algorithm makes: its name without the certificate. */
export function plainType(type: string): string {
  if (!isCertificate(type)) return type;
  const name = type.slice(0, -CERTIFICATE.length);
  return isSecurityKey(name) ? `${name}@openssh.com` : name;
}

export function isSupported(type: string): boolean {
  return PLAIN.has(plainType(type));
}

/**
 * The algorithms with which a key of this type may be offered, best first: those that PubkeyAcceptedAlgorithms allows,
 * in its order; undefined allows every one.
 */
export function algorithmsFor(type: string, allowed: readonly string[] | undefined): readonly string[] {
  const suffix = isCertificate(type) ? CERTIFICATE : "";
  const own = plainType(type) === "ssh-rsa" ? RSA.map((name) => `${name}${suffix}`) : [type];
  return allowed === undefined ? own : allowed.filter((name) => own.includes(name));
}

/**
 * The algorithm to offer a key with. As for ssh(1) (sshconnect2.c, key_sig_algorithm), what the server says it takes
 * (server-sig-algs, RFC 8308 section 3.1) matters for RSA only. One that does not say can be counted on for SHA-1 alone
 * (RFC 8332 section 3.3), and ssh(1) tries nothing else there. Undefined when nothing is left.
 */
export function chooseAlgorithm(
  type: string,
  allowed: readonly string[] | undefined,
  server: readonly string[] | undefined,
): string | undefined {
  const ours = algorithmsFor(type, allowed);
  if (plainType(type) !== "ssh-rsa") return ours[0];
  return ours.find((name) => server?.includes(plainType(name)));
}
