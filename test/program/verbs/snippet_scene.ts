import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { type ClientName, SNIPPETS } from "../../../src/cli/snippets.ts";
import { rshPath } from "../../peers/alpine.ts";
import { forms } from "../../peers/binaries.ts";
import type { Mailbox } from "../../peers/dovecot.ts";
import { type Home, makeHome, tableFor } from "../../peers/home.ts";
import type { Sshd } from "../../peers/sshd.ts";

/** Where the lines of a mail program are tried. */
export interface SnippetScene {
  readonly home: Home;
  readonly user: string;
  lines(client: ClientName): string;
}

/** A home whose table leads "work" to the server, and preauth in a directory of an odd name. */
export function snippetScene(
  sshd: Sshd,
  mailbox: Mailbox,
  name = 'it\'s 100% "odd" $HOME `x` \\',
): SnippetScene {
  const home = makeHome();
  home.writeTable(tableFor(sshd, { match: "work", "commands.imap": mailbox.command }));
  const [form] = forms;
  mkdirSync(join(home.path, name));
  const path = rshPath(
    {
      ...home,
      link: (file, to) => home.link(join(name, file), to),
      write: (file, ...more) => home.write(join(name, file), ...more),
    },
    form?.argv ?? [],
  );
  // The table's user counts; the call's is there to be quoted.
  const user = name === "plain" ? "jane" : "jo e%s$x";
  const parts = { program: path, server: "work", user, givesUser: false };
  return { home, user, lines: (client) => SNIPPETS[client].lines(parts).join("\n") };
}
