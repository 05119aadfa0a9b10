import type { Target } from "../../target/target.ts";
import { rsaBits } from "../keys/blob.ts";
import { algorithmsFor, isSupported } from "../keys/type.ts";
import type { Candidate } from "./candidate.ts";

/** Why a key must not be offered: its kind, PubkeyAcceptedAlgorithms, or RequiredRSASize; undefined when it may. */
export function unusable(
  { name, type, blob, certificate }: Candidate,
  { allowed, smallestRsa }: Target,
): string | undefined {
  if (!isSupported(type)) return `${name} is a key of a kind that is not supported (${type})`;
  if (algorithmsFor(type, allowed.value.userKey).length === 0) {
    return `${name} is not allowed by PubkeyAcceptedAlgorithms (${type})`;
  }
  const bits = rsaBits(certificate?.key ?? blob) ?? Number.POSITIVE_INFINITY;
  return bits < smallestRsa.value ? `${name} has only ${bits} bits` : undefined;
}
