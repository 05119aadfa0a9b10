// UTF-8 as the web has it. Not Buffer's: Bun makes Buffer when it is first named, and compiles Buffer.from() when it is
// first called, a fifth of a millisecond together, which a call that has a master waiting for it need not spend.

const encoder = new TextEncoder();

/** The bytes of a text. */
export function encoded(text: string): Uint8Array {
  return encoder.encode(text);
}

/** How many bytes a text has. */
export function byteLength(text: string): number {
  return encoder.encode(text).length;
}

/** The text of bytes, with its byte order mark if it has one; undefined for bytes that are not UTF-8. */
export function decoded(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return undefined;
  }
}
