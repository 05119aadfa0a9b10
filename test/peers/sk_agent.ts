import { createHash, createPublicKey, generateKeyPairSync, type KeyObject, sign } from "node:crypto";
import { fieldsOf, wire } from "../../src/ssh/keys/blob.ts";
import { positive } from "../../src/ssh/keys/public_key.ts";
import { FAILURE, startAgentServer } from "./agent_server.ts";

export type SecurityKeyType = "sk-ssh-ed25519@openssh.com" | "sk-ecdsa-sha2-nistp256@openssh.com";

/** An agent with one security key in software. */
export interface SecurityKeyAgent extends AsyncDisposable {
  readonly socket: string;
  /** The public key as in authorized_keys. */
  readonly line: string;
  /** How often it has signed, and was asked to. */
  readonly signatures: () => number;
  readonly requests: () => number;
}

const APPLICATION = "ssh:";

/** User presence, as after a touch. */
const TOUCHED = 1;

/** Starts an agent that holds a security key, which `isTouched` tells of, and signs as one does: PROTOCOL.u2f of OpenSSH, section "SSH U2F signatures". */
export async function startSecurityKeyAgent(
  type: SecurityKeyType,
  isTouched: () => boolean = () => true,
): Promise<SecurityKeyAgent> {
  const { privateKey } =
    type === "sk-ssh-ed25519@openssh.com"
      ? generateKeyPairSync("ed25519")
      : generateKeyPairSync("ec", { namedCurve: "P-256" });
  const blob = publicPart(type, privateKey);
  let signatures = 0;
  let requests = 0;
  const answer = (request: Buffer): Buffer => {
    if (request[0] === 11) {
      const count = Buffer.from([12, 0, 0, 0, 1]);
      return Buffer.concat([count, wire(blob, "security key")]);
    }
    const [wanted, data] = fieldsOf(request.subarray(1), 2) ?? [];
    if (request[0] !== 13 || data === undefined || !wanted?.equals(blob)) return FAILURE;
    requests++;
    if (!isTouched()) return FAILURE;
    signatures++;
    return Buffer.concat([Buffer.from([14]), wire(signed(type, privateKey, data, signatures))]);
  };
  const agent = await startAgentServer(answer);
  return {
    ...{ socket: agent.socket, line: `${type} ${blob.toString("base64")}`, signatures: () => signatures },
    requests: () => requests,
    [Symbol.asyncDispose]: () => agent[Symbol.asyncDispose](),
  };
}

function publicPart(type: SecurityKeyType, key: KeyObject): Buffer {
  const { x = "", y = "" } = createPublicKey(key).export({ format: "jwk" });
  const [first, second] = [Buffer.from(x, "base64url"), Buffer.from(y, "base64url")];
  if (type === "sk-ssh-ed25519@openssh.com") return wire(type, first, APPLICATION);
  return wire(type, "nistp256", Buffer.concat([Buffer.from([4]), first, second]), APPLICATION);
}

function signed(type: SecurityKeyType, key: KeyObject, data: Buffer, count: number): Buffer {
  const hash = (bytes: Buffer | string) => createHash("sha256").update(bytes).digest();
  const tail = Buffer.from([TOUCHED, 0, 0, 0, count]);
  const message = Buffer.concat([hash(APPLICATION), tail, hash(data)]);
  if (type === "sk-ssh-ed25519@openssh.com")
    return Buffer.concat([wire(type, sign(undefined, message, key)), tail]);
  const both = sign("sha256", message, { key, dsaEncoding: "ieee-p1363" });
  const numbers = wire(positive(both.subarray(0, 32)), positive(both.subarray(32)));
  return Buffer.concat([wire(type, numbers), tail]);
}
