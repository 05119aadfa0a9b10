import { readFileSync } from "node:fs";
import { typeOf } from "../../../../src/ssh/keys/blob.ts";
import { readIdentity } from "../../../../src/ssh/keys/identity_file.ts";
import { publicBlob } from "../../../../src/ssh/keys/public_key.ts";

// Run by a test, by Node and by Bun: reads the key files of its input, pairs of paths and passphrases in JSON, and prints
// for each what it gives with that passphrase and with another one.

const line = (blob: Buffer) => `${typeOf(blob)} ${blob.toString("base64")}`;

async function unlocked(path: string, passphrase: string): Promise<string> {
  const identity = await readIdentity(path);
  if (identity.kind === "private") return line(identity.blob);
  if (identity.kind !== "encrypted") return `${identity.kind}: ${"why" in identity ? identity.why : ""}`;
  const missing = identity.missing();
  if (missing !== undefined) return `missing: ${missing}`;
  const key = await identity.unlock(passphrase, new AbortController().signal);
  return key === undefined ? "wrong passphrase" : line(publicBlob(key));
}

const told = (path: string, passphrase: string) =>
  unlocked(path, passphrase).catch((error: Error) => `${error.name}: ${error.message}`);

const cases: readonly (readonly [string, string])[] = JSON.parse(readFileSync(0, "utf8"));
const results: [string, string][] = [];
for (const [path, passphrase] of cases) {
  results.push(await Promise.all([told(path, passphrase), told(path, `${passphrase}?`)]));
}
process.stdout.write(JSON.stringify(results));
