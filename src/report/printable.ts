const NAMED: Readonly<Record<string, string>> = { "\n": "\\n", "\r": "\\r", "\t": "\\t", "\x1b": "\\e" };

/** C0, DEL, C1, and the Unicode controls that turn the direction of text or break lines (UAX #9, U+2028). */
const CONTROLS = /[\0-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]/g;

function escapeOne(char: string): string {
  const code = char.charCodeAt(0);
  return (
    NAMED[char] ??
    (code < 0x100 ? `\\x${code.toString(16).padStart(2, "0")}` : `\\u${code.toString(16).padStart(4, "0")}`)
  );
}

/** Text with every control character made visible: safe for a terminal and for one line of a log. */
export function escapeControls(text: string): string {
  return text.replace(CONTROLS, escapeOne);
}

/**
 * Text for a terminal that does not take it as UTF-8: of each byte of a character it makes one of its own, and those from
 * 0x80 to 0x9f are controls (ECMA-48, C1). What is not ASCII is made visible.
 */
export function asciiText(text: string): string {
  return text.replace(/[\x80-\uffff]/g, escapeOne);
}

/** Lines that are to be pasted: what a terminal would heed is made visible, and only a tab stays. */
export function escapeButTabs(line: string): string {
  return line.replace(CONTROLS, (char) => (char === "\t" ? char : escapeOne(char)));
}

/** A value in JSON (RFC 8259 section 7), in ASCII: nothing in it is a control to any terminal. */
export function jsonText(value: unknown, replacer?: (name: string, value: unknown) => unknown): string {
  return JSON.stringify(value, replacer).replace(
    /[\x7f-\uffff]/g,
    (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

/** Printable ASCII on one line, at most `limit` bytes: what may go into an IMAP response (RFC 3501 section 9, text). */
export function asciiLine(text: string, limit: number): string {
  const line = escapeControls(text).replace(/[^\x20-\x7e]/g, "?");
  return line.length <= limit ? line : `${line.slice(0, limit - 3)}...`;
}
