import { isIP } from "node:net";

/** What the text in the braces of a mailbox name says: `imap.example.org/user=jane`. */
export interface MailboxName {
  /** As Alpine calls for it: an address without its brackets. */
  readonly host: string;
  /** The value of /user=; undefined where there is none, and Alpine gives the login name. */
  readonly user: string | undefined;
  /** The first part with which Alpine connects directly, as it is written, in lower case: ":143", "/ssl". */
  readonly direct: string | undefined;
  /** The first part that c-client does not take: it opens no such mailbox. */
  readonly unknown: string | undefined;
}

/** Switches with a value; each may stand there once. */
const WITH_VALUE: ReadonlySet<string> = new Set(["service", "user", "authuser", "auth"]);

/** Switches that leave open how a connection is made. */
const NEUTRAL: ReadonlySet<string> = new Set([
  ...["debug", "readonly", "secure", "loser", "tryssl", "novalidate-cert", "validate-cert"],
]);

/** With these c-client goes straight to the network. */
const DIRECT: ReadonlySet<string> = new Set(["anonymous", "norsh"]);

/** TLS from the first byte, or a demand for it, which no pipe fulfils. */
const ENCRYPTED: ReadonlySet<string> = new Set([
  ...["ssl", "tls", "starttls", "tls-sslv23", "tls1", "tls1_1", "tls1_2", "tls1_3"],
]);

const PLAIN: ReadonlySet<string> = new Set(["notls", "nostarttls"]);

const IMAP: ReadonlySet<string> = new Set(["imap", "imap2", "imap2bis", "imap4", "imap4rev1"]);

const OTHER_SERVICES: ReadonlySet<string> = new Set(["nntp", "pop3", "pop", "smtp", "submit"]);

/** A colon with a port, or a switch with its value, in quotes or not. */
const PART = /:(?<port>[^/:]*)|\/(?<name>[^/:=]*)(?:=(?:"(?<quoted>(?:[^"\\]|\\.)*)"|(?<value>[^/:]*)))?|./gs;

/**
 * Reads the text in the braces of a mailbox name (mail_valid_net_parse_work in c-client's mail.c). Undefined where it names
 * no host.
 */
export function parseMailboxName(spec: string): MailboxName | undefined {
  const [written, literal] = /^(?:\[([^\]]*)\]|[^:/]+)/.exec(spec) ?? [];
  if (written === undefined) return undefined;
  const seen = new Map<string, string>();
  let direct: string | undefined;
  let unknown = literal === undefined || isIP(literal) !== 0 ? undefined : written;
  for (const { 0: text, groups = {} } of spec.slice(written.length).matchAll(PART)) {
    const name = groups.name?.toLowerCase();
    const value = groups.quoted?.replace(/\\(.)/gs, "$1") ?? groups.value;
    const key = keyOf(name, value, groups.port);
    if (key === undefined || isTwice(key, seen)) unknown ??= text;
    else if (isDirect(key, name, value)) direct ??= text.toLowerCase();
    if (key !== undefined) seen.set(key, value ?? name ?? "");
  }
  return { host: literal ?? written, user: seen.get("user") || undefined, direct, unknown };
}

/** What a part settles, by name; undefined for one that c-client does not take. */
function keyOf(name = "", value: string | undefined, port: string | undefined): string | undefined {
  if (port !== undefined) return Number.parseInt(port, 10) > 0 ? "port" : undefined;
  if (value !== undefined) return WITH_VALUE.has(name) ? name : undefined;
  if (IMAP.has(name) || OTHER_SERVICES.has(name)) return "service";
  if (ENCRYPTED.has(name)) return "encrypted";
  if (PLAIN.has(name)) return "plain";
  return NEUTRAL.has(name) || DIRECT.has(name) ? name : undefined;
}

/** Whether a part goes against one before it. */
function isTwice(key: string, seen: ReadonlyMap<string, string>): boolean {
  if (key === "encrypted") return seen.has("plain");
  if (key === "plain") return seen.has("encrypted");
  return (WITH_VALUE.has(key) || key === "port") && Boolean(seen.get(key));
}

function isDirect(key: string, name: string | undefined, value: string | undefined): boolean {
  if (key === "service") return !IMAP.has((value ?? name ?? "").toLowerCase());
  return key === "port" || key === "encrypted" || DIRECT.has(key);
}
