import { typeOf } from "./blob.ts";

/** Names of signature algorithms that OpenSSH also takes for the type of key that makes them (sshkey.c). */
const TYPES: Readonly<Record<string, string>> = { "rsa-sha2-256": "ssh-rsa", "rsa-sha2-512": "ssh-rsa" };

/**
 * Reads `TYPE BASE64`, with anything behind it, as sshkey_read() of OpenSSH does; undefined where that finds
 * no key. Whether it is a sound one is for isPublicKey() to say.
 */
export function parseKeyLine(text: string): Buffer | undefined {
  const [, name = "", encoded = ""] = /^([^ \t]+)[ \t]+([^ \t]+)/.exec(text) ?? [];
  const blob = decode(encoded);
  const type = Object.hasOwn(TYPES, name) ? TYPES[name] : name;
  return blob !== undefined && blob.length > 0 && typeOf(blob) === type ? blob : undefined;
}

/** base64 as b64_pton(3) takes it: padded, no stray bits, and white space (a carriage return) anywhere. */
function decode(text: string): Buffer | undefined {
  const letters = text.replace(/[\v\f\r\n]/g, "");
  const bytes = Buffer.from(letters, "base64");
  return bytes.toString("base64") === letters ? bytes : undefined;
}
