import type { Certificate } from "../keys/certificate.ts";

/** A key or certificate that may be offered to the server. */
export interface Candidate {
  /** The file it is in or belongs to, else the agent's comment. */
  readonly name: string;
  readonly type: string;
  readonly blob: Buffer;
  readonly source: "agent" | "file";
  readonly certificate: Certificate | undefined;
  /** `algorithm` is the request's: "rsa-sha2-512". Gives the whole signature. Throws, with words for the user. */
  readonly sign: (data: Buffer, algorithm: string) => Promise<Buffer>;
  /** Whether it is an agent that signs, and it knows the session. */
  readonly isBound: boolean;
}

/** A key file that does not tell its public key before a person has given the passphrase. */
export interface Sealed {
  readonly unlock: () => Promise<Candidate | undefined>;
}

/** A reason why a key or the agent could not be used, in words, and what can be done about it. */
export interface Obstacle {
  readonly what: string;
  readonly hint: string | undefined;
}

/** Told what is being waited for, and with nothing when that is over. */
export type Waiting = (what: string) => void;
