import bcrypt from "bcrypt-pbkdf";

/** Makes `length` bytes of a passphrase by bcrypt_pbkdf(3). Takes a hundredth of a second for each round. */
export function derive(passphrase: string, salt: Buffer, rounds: number, length: number): Buffer {
  const key = Buffer.alloc(length);
  const bytes = Buffer.from(passphrase);
  const failed = bcrypt.pbkdf(bytes, bytes.length, salt, salt.length, key, length, rounds);
  if (failed !== 0) throw new Error("no such derivation");
  return key;
}
