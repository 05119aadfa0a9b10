import { type Certificate, parseCertificate } from "../keys/certificate.ts";
import { signedWith } from "../keys/signature.ts";

/** A certificate that its authority has signed. */
export interface HostCertificate extends Certificate {
  /** What it was signed with: "rsa-sha2-512". */
  readonly algorithm: string;
}

/**
 * Reads the certificate that a server has shown, which may be a user's. Undefined when it makes no sense, when the
 * signature is not the authority's or made with SHA-1, and when the authority is itself a certificate or a security key.
 */
export function readHostCertificate(blob: Buffer): HostCertificate | undefined {
  const certificate = parseCertificate(blob);
  if (certificate === undefined) return undefined;
  const { authority, signed, signature } = certificate;
  const algorithm = signedWith(authority, signed, signature);
  return algorithm === undefined ? undefined : { ...certificate, algorithm };
}
