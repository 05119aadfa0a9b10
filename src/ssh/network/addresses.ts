import { lookup } from "node:dns";
import { isIP } from "node:net";
import { platform } from "node:os";
import { orAborted } from "../../abort.ts";
import { Failure } from "../../failure.ts";
import { typed } from "../../target/by_hand.ts";
import { runProgram } from "../../target/run_program.ts";
import type { AddressFamily } from "../../target/target.ts";

/** An address of a name. */
export interface Address {
  readonly address: string;
  readonly family: 4 | 6;
}

/** What a look-up is for. */
export interface LookupOptions {
  readonly family: AddressFamily;
  /** Of messages. */
  readonly subject: string;
  /** What to do where the name is not found; default: to ask for it. */
  readonly hints?: readonly string[] | undefined;
  readonly signal: AbortSignal;
}

/**
 * All addresses of a name, in the system's order (RFC 6724) with the two families taking turns (RFC 8305
 * section 4). Throws a Failure when there is none, or the signal's reason.
 */
export async function lookUp(host: string, options: LookupOptions): Promise<readonly Address[]> {
  const { family, subject, signal } = options;
  signal.throwIfAborted();
  const found = isIP(host) === 0 ? await resolve(host, options) : [literal(host)];
  const addresses = found.filter((one) => family === "any" || one.family === (family === "inet" ? 4 : 6));
  if (addresses.length > 0) return alternating(addresses);
  if (found.length === 0) throw unknown(host, options);
  throw new Failure("network", subject, `"${host}" has no address that AddressFamily ${family} allows`);
}

function literal(host: string): Address {
  return { address: host, family: isIP(host) === 4 ? 4 : 6 };
}

/**
 * Node's process.exit() waits for a look-up that hangs: 10 s and more where no name server answers, while a
 * client waits for our end. There getent(1), which can be killed, asks the same getaddrinfo(3). Bun leaves
 * at once and needs no child.
 */
async function resolve(host: string, options: LookupOptions): Promise<readonly Address[]> {
  const asked = "Bun" in globalThis ? undefined : await getent(host, options);
  return asked ?? (await inProcess(host, options));
}

/** Undefined where there is no getent, or not this database of it (BSD). */
async function getent(host: string, { family, signal }: LookupOptions): Promise<Address[] | undefined> {
  const database = { any: "ahosts", inet: "ahostsv4", inet6: "ahostsv6" }[family];
  const answer = await runProgram("getent", [database, "--", host], { signal });
  if (answer?.status === 2) return [];
  return answer?.status === 0 ? parseHosts(answer.stdout) : undefined;
}

/** Reads the lines of `getent ahosts`: one for each address and type of socket. */
export function parseHosts(text: string): Address[] {
  const words = text.split("\n").map((line) => line.split(/\s+/));
  const streams = words.filter(([, type]) => type === "STREAM").map(([address = ""]) => address);
  // ahostsv6 gives IPv4 addresses as ::ffff:192.0.2.1 where a name has no other.
  return streams.filter((address) => isIP(address) !== 0 && !/^::ffff:/i.test(address)).map(literal);
}

function inProcess(host: string, options: LookupOptions): Promise<readonly Address[]> {
  const { family, signal } = options;
  const wanted = { any: 0, inet: 4, inet6: 6 }[family];
  const answer = new Promise<readonly Address[]>((resolve, reject) => {
    lookup(host, { all: true, family: wanted, verbatim: true }, (error, found) => {
      if (error !== null) reject(unknown(host, options, error));
      else resolve(found.map(({ address, family }) => ({ address, family: family === 6 ? 6 : 4 })));
    });
  });
  return orAborted(answer, signal);
}

function unknown(host: string, { subject, hints }: LookupOptions, cause?: NodeJS.ErrnoException): Failure {
  const silent = cause?.code === "EAI_AGAIN" ? ": no name server answers" : "";
  return new Failure("network", subject, `cannot find the name "${host}"${silent}`, {
    hints: hints ?? [`look it up: ${question(host)}`],
    cause,
  });
}

/** How a person asks for a name; macOS has no getent. */
function question(host: string): string {
  return platform() === "darwin"
    ? typed("dscacheutil", "-q", "host", "-a", "name", host)
    : typed("getent", "hosts", host);
}

function alternating(addresses: readonly Address[]): readonly Address[] {
  const first = addresses.filter(({ family }) => family === addresses[0]?.family);
  const second = addresses.filter(({ family }) => family !== addresses[0]?.family);
  const longest = Math.max(first.length, second.length);
  const pairs = Array.from({ length: longest }, (_, index) => [first[index], second[index]]);
  return pairs.flat().filter((one) => one !== undefined);
}
