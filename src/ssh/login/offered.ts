import type { Target } from "../../target/target.ts";
import { algorithmsFor, chooseAlgorithm } from "../keys/type.ts";
import type { Extensions, Session } from "../ssh2/taps.ts";
import type { Candidate, Obstacle } from "./candidate.ts";
import { KeyOffer } from "./key_offer.ts";

/** What there is to know of a server before a key is offered to it. */
export interface Acquaintance {
  /** Whether ssh2 can be told what to send. */
  readonly isTapped: boolean;
  readonly session: Session | undefined;
  readonly extensions: Extensions;
}

/** The key as it is to be offered, or why it cannot be. */
export function offeredTo(
  { isTapped, session, extensions }: Acquaintance,
  candidate: Candidate,
  target: Target,
): KeyOffer | Obstacle {
  const { type, name } = candidate;
  const { signatures, isHostBound } = extensions;
  const allowed = target.allowed.value.userKey;
  const ours = algorithmsFor(type, allowed);
  // By itself ssh2 does not tell what the server takes; KeyOffer sees to it that nothing is signed with SHA-1.
  const chosen = isTapped ? chooseAlgorithm(type, allowed, signatures) : ours[0];
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
  const offer = KeyOffer.of(candidate, isTapped ? [chosen] : ours, isTapped, hostKey);
  return offer ?? { what: `${name} is a key of a kind that is not supported (${type})`, hint: undefined };
}
