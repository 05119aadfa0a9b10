import type { KnownLogin } from "../../state/familiar.ts";
import type { Target } from "../../target/target.ts";
import { algorithmsFor } from "../keys/type.ts";
import type { Candidate, Sealed } from "./candidate.ts";
import { KeyOffer } from "./key_offer.ts";
import { fingerprintOf, type TriedKey, triedKeyOf } from "./tried_key.ts";

/**
 * The key of a login that has worked, where an ordinary login would come to it in the same way: those before it are
 * the same as then. `found`: all keys that would be offered, in order; `hostKey`: the server's, as it was shown.
 */
export function earlyOffer(
  found: readonly (Candidate | Sealed)[],
  { keys, algorithm, isBound }: KnownLogin,
  { allowed }: Target,
  hostKey: Buffer | undefined,
): KeyOffer | undefined {
  const first = found.slice(0, keys.length);
  const isSame = first.every((one, index) => !("unlock" in one) && fingerprintOf(one) === keys[index]);
  const candidate = first[keys.length - 1];
  if (!isSame || candidate === undefined || "unlock" in candidate) return undefined;
  if (!algorithmsFor(candidate.type, allowed.value.userKey).includes(algorithm)) return undefined;
  return new KeyOffer(candidate, algorithm, isBound ? hostKey : undefined);
}

/** What another login can build on, of the keys that were offered; undefined unless just the last one was proven. */
export function plainLogin(attempts: readonly KeyOffer[]): Omit<KnownLogin, "version"> | undefined {
  const last = attempts.at(-1);
  if (last?.outcome !== "signed") return undefined;
  if (!attempts.slice(0, -1).every(({ outcome }) => outcome === "offered")) return undefined;
  const { algorithm, boundTo } = last.offer;
  const keys = told(attempts).map(({ fingerprint }) => fingerprint);
  return { keys, algorithm, isBound: boundTo !== undefined };
}

export function told(attempts: readonly KeyOffer[]): readonly TriedKey[] {
  return attempts.map(({ candidate, outcome }) => triedKeyOf(candidate, outcome));
}
