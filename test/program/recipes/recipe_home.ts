import { chmodSync } from "node:fs";
import { join } from "node:path";
import { openAlpine, rshPath, THREE_WORDS } from "../../peers/alpine.ts";
import type { Form } from "../../peers/binaries.ts";
import { type Mailbox, makeMailbox } from "../../peers/dovecot.ts";
import { type Home, makeHome } from "../../peers/home.ts";
import { type Sshd, startSshd } from "../../peers/sshd.ts";
import type { Terminal } from "../../peers/terminal.ts";
import { type Replacements, recipe } from "./recipes.ts";

/** The server names of the document; a scene's ssh_config leads them to its sshd. */
const SERVERS = "imap.example.org shell.isp.com mail.example.org";

/** A home with a recipe's table, and a server behind its names with an imapd in ~/bin. */
export interface Scene extends AsyncDisposable {
  readonly home: Home;
  /** The home's, with a directory on PATH that has preauth in it. */
  readonly env: Readonly<Record<string, string>>;
  readonly sshd: Sshd;
  readonly mailbox: Mailbox;
  /** The path of the program. */
  readonly preauth: string;
  /** Alpine with the recipe's lines, and others. */
  alpine(replacements: Replacements, others?: readonly string[]): Promise<Terminal>;
}

/**
 * Sets up the recipe `name`: its hosts.toml with the replacements, jane being whoever runs the test. `variables` are more
 * of the environment.
 */
export async function makeScene(
  form: Form,
  name: string,
  replacements: Replacements = {},
  variables: Readonly<Record<string, string>> = {},
): Promise<Scene> {
  const home = makeHome();
  const mailbox = makeMailbox();
  const imapd = `#!/bin/sh\n${mailbox.command}\n`;
  const sshd = await startSshd({ files: { "bin/imapd": imapd } });
  chmodSync(join(sshd.home, "bin", "imapd"), 0o755);
  const config = home.write("ssh_config", sshConfig(sshd));
  const table = recipe(name, "hosts.toml", replacements).replaceAll('"jane"', JSON.stringify(sshd.user));
  home.writeTable(`[defaults]\nssh_config = ${JSON.stringify(config)}\n\n${table}`);
  const preauth = rshPath(home, form.argv);
  const env = { ...home.env, PATH: `${home.path}:${home.env.PATH}`, ...variables };
  return {
    home,
    env,
    sshd,
    mailbox,
    preauth,
    alpine: (own, others = []) => {
      const [inbox = "", ...more] = recipe(name, "pinerc", own).trimEnd().split("\n");
      const lines = { rshPath: preauth, rshCommand: THREE_WORDS, inbox: inbox.replace("inbox-path=", "") };
      // No copy of what is sent, and no ~/.newsrc of whoever runs the test (c-client takes ~ from passwd).
      const apart = ['default-fcc=""', `newsrc-path=${join(home.path, ".newsrc")}`];
      return openAlpine({ ...home, env }, { ...lines, more: [...more, ...apart, ...others] });
    },
    [Symbol.asyncDispose]: async () => {
      await sshd.stop();
      mailbox[Symbol.dispose]();
      home[Symbol.dispose]();
    },
  };
}

function sshConfig(sshd: Sshd): string {
  return [
    `Host ${SERVERS}`,
    `HostName ${sshd.host}`,
    `Port ${sshd.port}`,
    `IdentityFile ${sshd.identity}`,
    `UserKnownHostsFile ${sshd.knownHosts}`,
    "",
  ].join("\n");
}

/** Alpine's keys for a short letter to joe@isp.com, as far as the question whether to send it. */
export async function writeLetter(alpine: Terminal): Promise<void> {
  await alpine.waitFor(/Minutes of the meeting/, "the list of messages");
  alpine.keys("c");
  await alpine.waitFor(/COMPOSE MESSAGE/, "the composer");
  alpine.type("joe@isp.com");
  alpine.keys("Enter", "Enter", "Enter");
  alpine.type("Sent by recipe");
  alpine.keys("Enter");
  alpine.type("It works.");
  alpine.keys("C-x");
  await alpine.waitFor(/Send message/, "the question whether to send");
  alpine.keys("y");
}
