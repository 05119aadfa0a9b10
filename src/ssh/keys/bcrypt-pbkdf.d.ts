declare module "bcrypt-pbkdf" {
  /** bcrypt_pbkdf(3) of OpenBSD; fills `key`. Gives 0, or -1 for what it does not take. */
  function pbkdf(
    passphrase: Uint8Array,
    passphraseLength: number,
    salt: Uint8Array,
    saltLength: number,
    key: Uint8Array,
    keyLength: number,
    rounds: number,
  ): number;
  const bcrypt: { readonly pbkdf: typeof pbkdf };
  export = bcrypt;
}
