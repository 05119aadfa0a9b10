import { Failure } from "../failure.ts";
import { endpointText } from "../forwards/plan.ts";
import type { Endpoint } from "../table/table.ts";

/** What a line of authorized_keys is made of. */
export interface LineParts {
  /** The key as in its .pub: type, base64 and comment. */
  readonly key: string;
  /** The forced command. */
  readonly command: string;
  readonly ports: readonly Endpoint[];
  /** The server's version line; undefined where it is not known. */
  readonly version: string | undefined;
}

/** Bytes of a line that dropbear reads (MAX_AUTHKEYS_LINE of its svr-authpubkey.c). */
const DROPBEARS_LONGEST = 4200;

/**
 * The line that lets a key do nothing but mail (sshd(8), AUTHORIZED_KEYS FILE FORMAT). port-forwarding would let it listen as
 * well, so permitlisten names what nobody can listen at. Dropbear has no way back from `restrict`, and takes no double quote
 * inside of a command (svr-authpubkeyoptions.c): throws a Failure for what it cannot hold.
 */
export function authorizedLine({ key, command, ports, version }: LineParts): string {
  const isDropbear = isOfDropbear(version);
  const permitted = ports.map((to) => `permitopen="${endpointText(to)}"`);
  const restrictions =
    ports.length === 0
      ? ["restrict"]
      : isDropbear
        ? ["no-agent-forwarding,no-X11-forwarding,no-pty", ...permitted]
        : ["restrict,port-forwarding", ...permitted, 'permitlisten="none:1"'];
  const options = [...restrictions, `command="${command.replaceAll('"', '\\"')}"`].join(",");
  const line = `${options} ${key}`;
  if (isDropbear && (command.includes('"') || line.length > DROPBEARS_LONGEST)) {
    throw new Failure(
      "table",
      "authorized_keys",
      "dropbear takes no double quotes in it, and no line over 4,200 bytes",
      {
        hints: ["put the command into a script on the server, and name that in the table"],
      },
    );
  }
  return line;
}

/** Whether a server is dropbear, which says so in its version. */
export function isOfDropbear(version: string | undefined): boolean {
  return /^SSH-2\.0-dropbear/i.test(version ?? "");
}

/** A change of authorized_keys. */
export interface KeysChange {
  readonly after: string;
  /** The lines that the key had, which are gone. */
  readonly replaced: readonly string[];
}

/** Has the key nothing but this line: in the place of the first that it had, else at the end. All else stays to the byte. */
export function withLine(before: string, line: string): KeysChange {
  const [key = ""] = /\bAAAA[\w+/=]+/.exec(line.slice(line.lastIndexOf('" ') + 1)) ?? [];
  const lines = before.split(/(?<=\n)/);
  const isIts = (one: string): boolean => !/^\s*#/.test(one) && one.split(/\s/).includes(key);
  const replaced = lines.filter(isIts).map((one) => one.replace(/\r?\n$/, ""));
  if (replaced.length === 0) {
    const gap = before === "" || before.endsWith("\n") ? "" : "\n";
    return { after: `${before}${gap}${line}\n`, replaced };
  }
  const first = lines.findIndex(isIts);
  const after = lines.flatMap((one, index) => (index === first ? [`${line}\n`] : isIts(one) ? [] : [one]));
  return { after: after.join(""), replaced: replaced.filter((one) => one !== line) };
}
