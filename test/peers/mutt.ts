import type { Home } from "./home.ts";
import { program } from "./programs.ts";
import { openTerminal, type Terminal } from "./terminal.ts";

/** The lines of a muttrc that matter here. */
export interface Muttrc {
  /** Command for the shell: `preauth mail.test jane imap`. */
  readonly tunnel: string;
  /** `imap://jane@mail.test/INBOX`. */
  readonly inbox: string;
  /** More lines: `set sendmail=...`. */
  readonly more?: readonly string[];
}

function muttrc({ tunnel, inbox, more = [] }: Muttrc): string {
  return [
    `set tunnel="${tunnel.replaceAll(/["$\\`]/g, "\\$&")}"`,
    "set tunnel_is_secure=yes",
    `set folder=${inbox.replace(/[^/]*$/, "")}`,
    `set spoolfile=${inbox}`,
    'set realname="Jane Example" from=jane@mail.test',
    "set quit=yes confirmcreate=no wait_key=no mark_old=no",
    'set record="" postponed=""',
    ...more,
    "",
  ].join("\n");
}

/** Real mutt in a terminal. */
export async function openMutt(home: Home, lines: Muttrc, under: readonly string[] = []): Promise<Terminal> {
  const file = home.write("muttrc", muttrc(lines));
  const words = [...under, program("mutt"), "-n", "-F", file];
  // Wide enough for a reason in one line.
  return await openTerminal(words, { env: home.env, columns: 200 });
}
