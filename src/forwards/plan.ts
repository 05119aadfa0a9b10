import type { Endpoint, Forward } from "../table/table.ts";

/** `mail:25`, `[::1]:25`. */
export function endpointText({ host, port }: Endpoint): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}

/** Where a forward leads: `mail:25`, `METHOD imap`. */
export function leadsTo({ to, method }: Forward): string {
  return to === undefined ? `METHOD ${method}` : endpointText(to);
}

/** `port 2025`, `socket "/run/user/1000/smtp"`. */
export function placeText(listen: Forward["listen"]): string {
  return typeof listen === "number" ? `port ${listen}` : `socket "${listen}"`;
}

/**
 * What there is to say when `to` is another machine than the server: ssh(1) encrypts as far as the server only.
 * Undefined for the server itself. `names`: SERVER of the call first, then what else the server is called.
 */
export function lastLegNote(
  { to }: { readonly to?: Endpoint },
  names: readonly [string, ...string[]],
): string | undefined {
  if (to === undefined || isServerItself(to.host, names)) return undefined;
  return `SSH does not protect the way from ${names[0]} to ${endpointText(to)}`;
}

function isServerItself(host: string, names: readonly string[]): boolean {
  const name = plain(host);
  // 127.0.0.0/8 and localhost are the machine itself on every one (RFC 1122 section 3.2.1.3, RFC 6761 section 6.3).
  if (name === "localhost" || name === "::1" || /^127(\.\d{1,3}){3}$/.test(name)) return true;
  return names.some((own) => plain(own) === name);
}

function plain(name: string): string {
  return name.toLowerCase().replace(/\.$/, "");
}
