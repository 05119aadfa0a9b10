import { wire } from "../keys/blob.ts";
import type { Extension, Protocol } from "./patched.ts";

/** A public key to be offered. */
export interface Offer {
  /** The name in the request, which need not be the key's type: "rsa-sha2-512". */
  readonly algorithm: string;
  readonly blob: Buffer;
  /** The host key that is signed along (PROTOCOL of OpenSSH, 3.1); undefined for the plain method. */
  readonly boundTo?: Buffer | undefined;
}

/** Of the extensions of RFC 8308 those that matter here. */
export interface Extensions {
  /** server-sig-algs; undefined where the server does not say. */
  readonly signatures: readonly string[] | undefined;
  /** Whether it knows the method that signs the host key along. */
  readonly isHostBound: boolean;
}

/** The proof of a key: `signature` is of what toSign() gives. */
export interface Proof {
  readonly user: string;
  readonly offer: Offer;
  readonly signature: Buffer;
}

const METHOD = "publickey";
const QUESTION = 0;
const PROOF = 1;

/**
 * SSH_MSG_USERAUTH_REQUEST for "publickey", RFC 4252 section 7: the question, or the proof without its signature. A proof
 * that names the host key is of another method.
 */
function request(
  user: string,
  { algorithm, blob, boundTo }: Offer,
  kind: typeof QUESTION | typeof PROOF,
): Buffer {
  const isBound = boundTo !== undefined && kind === PROOF;
  return Buffer.concat([
    Buffer.from([50]),
    wire(user, "ssh-connection", isBound ? "publickey-hostbound-v00@openssh.com" : METHOD),
    Buffer.from([kind]),
    wire(algorithm, blob, ...(isBound ? [boundTo] : [])),
  ]);
}

/** Asks whether the server would take a key. */
export function query(protocol: Protocol, user: string, offer: Offer): void {
  protocol.authRequest(METHOD, request(user, offer, QUESTION));
}

/** What is signed to prove a key: RFC 4252 section 7. */
export function toSign({ firstExchange }: Protocol, user: string, offer: Offer): Buffer {
  return Buffer.concat([wire(firstExchange.id), request(user, offer, PROOF)]);
}

export function prove(protocol: Protocol, { user, offer, signature }: Proof): void {
  protocol.authRequest(METHOD, Buffer.concat([request(user, offer, PROOF), wire(signature)]));
}

/** What a server has said that it takes. */
export function readExtensions(
  extensions: readonly Extension[],
  { _remoteIdentRaw: version }: Pick<Protocol, "_remoteIdentRaw">,
): Extensions {
  const named = (name: string) => extensions.find((one) => one.name === name);
  const found = named("server-sig-algs")?.algs;
  // This release takes them, and leaves them out of its list (SSH_BUG_SIGTYPE74 of OpenSSH's compat.c).
  const isSilent = version.toString("latin1").startsWith("SSH-2.0-OpenSSH_7.4");
  const unsaid = isSilent ? ["rsa-sha2-512", "rsa-sha2-256"] : [];
  return {
    signatures: found && [...found, ...unsaid],
    isHostBound: named("publickey-hostbound@openssh.com")?.version === "0",
  };
}
