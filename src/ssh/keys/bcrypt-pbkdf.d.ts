declare module "bcrypt-pbkdf" {
  const bcrypt: {
    /** Bytes of a hash: 32. */
    readonly HASHSIZE: number;
    /** bcrypt_hash() of OpenBSD's bcrypt_pbkdf.c: of two SHA-512 sums; fills `out`. */
    hash(passphrase: Uint8Array, salt: Uint8Array, out: Uint8Array): void;
  };
  export = bcrypt;
}
