import type { Target } from "../../target/target.ts";
import { chooseAlgorithm } from "../keys/type.ts";
import type { Extensions } from "../ssh2/public_key_request.ts";
import type { Recognised } from "./adding_line.ts";
import type { Candidate, Obstacle } from "./candidate.ts";
import { KeyOffer } from "./key_offer.ts";

/** What there is to know of a server before a key is offered to it. */
export interface Acquaintance {
  readonly session: Recognised | undefined;
  readonly extensions: Extensions;
}

/** The key as it is to be offered, or why it cannot be. */
export function offeredTo(
  { session, extensions }: Acquaintance,
  candidate: Candidate,
  target: Target,
): KeyOffer | Obstacle {
  const { type, name } = candidate;
  const { signatures, isHostBound } = extensions;
  const allowed = target.allowed.value.userKey;
  const chosen = chooseAlgorithm(type, allowed, signatures);
  if (chosen === undefined) {
    const why =
      signatures === undefined
        ? "does not say that it takes RSA signatures with SHA-2"
        : "takes no RSA signature that is allowed here";
    return {
      what: `${name} was not offered, as the server ${why} (${type})`,
      hint: "make a key of another kind: ssh-keygen -t ed25519",
    };
  }
  const hostKey = isHostBound && target.bindsProofs.value ? session?.hostKey : undefined;
  return new KeyOffer(candidate, chosen, hostKey);
}
