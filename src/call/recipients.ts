import { Failure } from "../failure.ts";

/** The empty line that ends a header (RFC 5322 section 2.1), which may also be the first one. */
const END_OF_HEADER = /(?:^|\n)\r?\n/;

/** Bytes of a header that are looked at: as many as are kept of a client that speaks early. */
const MOST = 64 * 1024;

/** Whether the beginning of a message has all of its header. */
export function hasWholeHeader(message: Buffer): boolean {
  return END_OF_HEADER.test(message.toString("latin1"));
}

/**
 * Requires that a message names each of these recipients where `sendmail -t` looks for them: who is only named by the
 * words of a call, as mutt does with those of Bcc, would get nothing, and nobody would be told. `message` is its
 * beginning, or the whole of it. Throws a Failure "usage" for the first that it does not name.
 */
export function requireNamed(recipients: readonly string[], message: Buffer): void {
  if (message.length >= MOST && !hasWholeHeader(message)) {
    throw new Failure("usage", "message", "its header is longer than 64 KiB; nothing has been sent");
  }
  const named = recipientsIn(message.toString());
  const missing = recipients.find((recipient) => !named.has(bare(recipient).toLowerCase()));
  if (missing === undefined) return;
  throw new Failure("usage", "message", `no To, Cc or Bcc names "${missing}"; nothing has been sent`, {
    hints: [
      "for Bcc, let the mail program write it into the header, where sendmail -t finds it; in mutt: set write_bcc",
      "Debian's mutt never writes it: use the script of doc/recipes.md",
    ],
  });
}

/** An address without the angle brackets that it may have. */
function bare(recipient: string): string {
  return /^<(.*)>$/s.exec(recipient)?.[1] ?? recipient;
}

/** The addresses that `sendmail -t` sends a message to, in lower case: those of Resent-To and so on, if there are any. */
function recipientsIn(message: string): ReadonlySet<string> {
  const [header = ""] = message.split(END_OF_HEADER, 1);
  const fields = header.replaceAll(/\r?\n(?=[ \t])/g, "").split(/\r?\n/);
  const resent = fields.filter((field) => /^resent-(?:to|cc|bcc)[ \t]*:/i.test(field));
  const plain = fields.filter((field) => /^(?:to|cc|bcc)[ \t]*:/i.test(field));
  return new Set((resent.length > 0 ? resent : plain).flatMap(addressesIn));
}

/** The addresses of a field, without names, comments and groups (RFC 5322 section 3.4); a quoted local part stays. */
function addressesIn(field: string): readonly string[] {
  const bare = field.replaceAll(/"(?:[^"\\]|\\.)*"(?!@)|\([^()]*\)/g, " ");
  return bare.split(/[,:;]/).map((part) => (/<([^<>]*)>/.exec(part)?.[1] ?? part).trim().toLowerCase());
}
