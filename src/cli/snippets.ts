import { Failure } from "../failure.ts";
import { quoted } from "../shell_word.ts";

/** What the lines of a mail program are made of. */
export interface Parts {
  /** The path of preauth. */
  readonly program: string;
  readonly server: string;
  readonly user: string;
  /** Whether the mail program has to give the user: the table does not name it, and it is not the login name. */
  readonly givesUser: boolean;
}

/** The lines of one mail program. */
export interface Snippet {
  /** Where they go, in words that come after "these lines go into ". */
  readonly place: string;
  lines(parts: Parts): readonly string[];
}

/** A local port for programs that have a host and a port and nothing else. */
const PORT = 1143;

/** The words of a call for a program that starts a shell, or splits as one. */
function command({ program, server, user }: Parts): string {
  return [program, server, user, "imap"].map(quoted).join(" ");
}

/** Text in double quotes, with a backslash before each of these characters. */
function doubled(text: string, special: RegExp): string {
  return `"${text.replace(special, "\\$&")}"`;
}

/** A mailbox's place as a URL has it (RFC 5092 section 3). */
function url({ server, user }: Parts): string {
  const host = server.includes(":") && !server.startsWith("[") ? `[${server}]` : server;
  return `imap://${encodeURIComponent(user)}@${host}/`;
}

/** Throws a Failure where a program splits at blanks and knows no quotes. */
function unsplit(name: string, words: readonly string[]): readonly string[] {
  const odd = words.find((word) => /[\s"'\\]/.test(word));
  if (odd === undefined) return words;
  throw ungiven(name, odd, "it splits words at spaces");
}

function ungiven(name: string, word: string, why: string): Failure {
  return new Failure("usage", "--snippet", `${name} cannot be given ${JSON.stringify(word)}: ${why}`, {
    hints: ["use a link or a name without spaces and quotes, and name the user in the table"],
  });
}

function mutt(parts: Parts): readonly string[] {
  // muttrc(5): in double quotes $ and ` stand for something.
  return [
    `set tunnel=${doubled(command(parts), /["\\$`]/g)}`,
    "set tunnel_is_secure=yes",
    `set folder=${url(parts)}`,
    `set spoolfile=${url(parts)}INBOX`,
  ];
}

/** Every program that --snippet knows. */
export const SNIPPETS = {
  alpine: {
    place: "~/.pinerc, in place of the lines of the same names",
    lines: (parts) => {
      const [program = "", server = "", user = ""] = unsplit("Alpine", [
        parts.program,
        parts.server,
        parts.givesUser ? parts.user : "",
      ]);
      return [
        `rsh-path=${program}`,
        "rsh-command=%s %s %s %s",
        `inbox-path={${server}${user === "" ? "" : `/user=${user}`}}INBOX`,
      ];
    },
  },
  mutt: { place: "~/.muttrc", lines: mutt },
  neomutt: { place: "~/.config/neomutt/neomuttrc", lines: mutt },
  mbsync: {
    place: "~/.mbsyncrc, in front of the Channel that names the store",
    lines: (parts) => [`IMAPStore ${storeName(parts)}`, `Tunnel ${doubled(command(parts), /["\\]/g)}`],
  },
  fetchmail: {
    place: "~/.fetchmailrc (mode 0600)",
    lines: ({ program, server, user }) => {
      const words = unsplit("fetchmail", [program, "%h", user, "imap"]).join(" ");
      const [host = ""] = unsplit("fetchmail", [server]);
      return [`poll ${host} protocol IMAP no dns auth ssh plugin "${words}"`, `  user ${user} sslproto ''`];
    },
  },
  offlineimap: {
    place: "~/.offlineimaprc, into the section of the remote repository",
    // Python's configparser expands what stands behind a percent sign.
    lines: (parts) => ["type = IMAP", `preauthtunnel = ${command(parts).replaceAll("%", "%%")}`],
  },
  gnus: {
    place: "~/.gnus.el, as one of gnus-secondary-select-methods",
    lines: (parts) => {
      // A format of Emacs: only %s and %% mean something in it.
      const words = command(parts).replaceAll("%", "%%");
      return [
        `(nnimap ${doubled(parts.server, /["\\]/g)}`,
        "        (nnimap-stream shell)",
        `        (nnimap-shell-program ${doubled(words, /["\\]/g)}))`,
      ];
    },
  },
  interimap: {
    place: "~/.config/interimap/config, as its section [remote]",
    lines: (parts) => ["[remote]", "type = tunnel", `command = exec ${command(parts)}`],
  },
  git: {
    place: "~/.gitconfig, for git imap-send",
    lines: (parts) => ["[imap]", `\ttunnel = ${doubled(command(parts), /["\\]/g)}`, "\tfolder = Drafts"],
  },
  evolution: {
    place:
      "the account's settings: Receiving Email (Server Type IMAP), and Receiving Options (Advanced Options)",
    // It starts no command as long as it cannot reach its Server, and with STARTTLS it wants that behind PREAUTH, too. In
    // the command it puts something for %h and %u; a shell drops the quotes.
    lines: (parts) => [
      "Server: localhost",
      `Username: ${parts.user}`,
      "Encryption method: No encryption",
      "Use shell command for connecting to the server: yes",
      `Command: ${command(parts).replace(/%(?=[hu])/g, "%''")}`,
    ],
  },
  claws: {
    place: "the preferences of an IMAP account: Basic, and Advanced",
    lines: (parts) => [
      `Server for receiving: ${parts.server}`,
      `User ID: ${parts.user}`,
      `Use command to communicate with server: ${command(parts)}`,
    ],
  },
  thunderbird: {
    place: "the table, and then Account Setup, Configure manually; preauth --forward opens the port",
    lines: ({ server, user, program }) => [
      "[[forward]]",
      'name = "inbox"',
      `listen = ${PORT}`,
      'method = "imap"',
      `via = ${JSON.stringify(server)}`,
      "",
      `# ${quoted(program)} --forward ${quoted(server)} ${quoted(user)} --for forever`,
      `# Protocol: IMAP   Hostname: localhost   Port: ${PORT}   Username: ${user}`,
      "# Connection security: None   Authentication method: Normal password (not sent)",
    ],
  },
  systemd: {
    place:
      "~/.config/systemd/user/preauth-forward.service; then: systemctl --user enable --now preauth-forward",
    lines: ({ program, server, user }) => {
      // systemd.service(5), COMMAND LINES: percent signs are doubled, and dollars, but for those of the program.
      if (/["'\\]/.test(program))
        throw ungiven("systemd", program, "it takes no quotes in the name of a program");
      const unit = (word: string): string =>
        /^[\w@%+=:,./$-]+$/.test(word) ? word : doubled(word, /["\\]/g);
      const own = unit(program.replaceAll("%", "%%"));
      const line = (...words: readonly string[]): string =>
        [own, ...words.map((word) => unit(word.replace(/[%$]/g, "$&$&")))].join(" ");
      return [
        "[Unit]",
        "Description=Ports of mail servers through SSH",
        "",
        "[Service]",
        "Type=oneshot",
        "RemainAfterExit=yes",
        // There may be no network yet. What a wrong key or table fails for does not go away by itself.
        "Restart=on-failure",
        "RestartSec=30",
        "RestartPreventExitStatus=1 64 77 78",
        `ExecStart=${line("--forward", server, user, "--for", "forever")}`,
        // A minus: to have been ended by hand is no failure of the unit's.
        `ExecStop=-${line("--stop", server)}`,
        "",
        "[Install]",
        "WantedBy=default.target",
      ];
    },
  },
  cron: {
    place: "the crontab (crontab -e)",
    // crontab(5): a percent sign ends the command.
    lines: ({ program, server, user }) => {
      const words = [program, "--forward", server, user, "--for", "10m"].map(quoted).join(" ");
      return [`*/5 * * * * ${words.replaceAll("%", "\\%")} >/dev/null`];
    },
  },
} as const satisfies Readonly<Record<string, Snippet>>;

/** A mail program that there are lines for. */
export type ClientName = keyof typeof SNIPPETS;

/** What mbsync may call a store. */
function storeName({ server }: Parts): string {
  return /^[\w.-]+$/.test(server) ? server : doubled(server, /["\\]/g);
}
