import { SNIPPETS } from "./snippets.ts";

/** What a word of a verb is, as the forms of a call have it. */
export type WordName = "SERVER" | "USER" | keyof typeof CHOICES;

/** Words of which there are a few; of METHOD those that are usual. */
export const CHOICES = {
  METHOD: ["imap", "smtp", "sendmail"],
  SHELL: ["bash", "zsh", "fish"],
  CLIENT: Object.keys(SNIPPETS),
} as const;

/** One verb: what it takes, and what it does. */
export interface Verb {
  /** Its words, in order. */
  readonly words: readonly WordName[];
  /** How many of them it cannot do without; 0 where this is left out. */
  readonly needed?: number;
  /** Options that take a value, with what that is called: --for TIME. */
  readonly options?: Readonly<Record<string, string>>;
  /** Options that take none. */
  readonly flags?: readonly string[];
  /** What it does, in a sentence without a full stop whose subject is the verb. */
  readonly about: string;
}

/**
 * Every verb, once: from here come the parser (run_verb.ts), --help and what a usage error shows (help.ts), and the
 * completions of shells (completion.ts). The manual is held against it.
 */
export const VERBS = {
  init: {
    words: ["SERVER"],
    flags: ["print"],
    about:
      "asks for a mail server, opens the mailbox, and after a yes writes the table and the lines for Alpine; with --print it only prints them",
  },
  authorize: {
    words: ["SERVER", "USER"],
    needed: 1,
    flags: ["print"],
    about:
      "makes a key that opens mail alone, installs it on the server after a yes, and proves that it opens nothing else; with --print it only prints its line",
  },
  explain: {
    words: ["SERVER", "USER", "METHOD"],
    flags: ["json"],
    about:
      "shows what the table of hosts decides for SERVER, and where each value comes from, or checks the whole table; connects to nothing",
  },
  check: {
    words: ["SERVER", "USER", "METHOD"],
    needed: 1,
    flags: ["json"],
    about: "makes the connection, and shows the time of each step, and what to do about a step that fails",
  },
  login: {
    words: ["SERVER", "USER"],
    needed: 1,
    about:
      "logs in on the terminal, asks for passphrases and passwords, and keeps the connection open for the mail client",
  },
  forward: {
    words: ["SERVER", "USER"],
    needed: 1,
    options: { for: "TIME" },
    about:
      "opens the forwards of the table without a mailbox, for TIME (default 5s; or forever) and for as long as they are in use",
  },
  status: {
    words: [],
    flags: ["json"],
    about: "lists the open connections, mailboxes and forwards",
  },
  stop: {
    words: ["SERVER"],
    flags: ["now"],
    about: "closes the open connections, all or those of SERVER; open mailboxes finish first, unless --now",
  },
  hosts: {
    words: [],
    about: "lists the table: where each SERVER leads, its forwards, and whether a connection is open",
  },
  snippet: {
    words: ["CLIENT", "SERVER", "USER"],
    about:
      "prints the lines for a mail program, ready to paste, and tells where they go; or lists the programs",
  },
  completion: {
    words: ["SHELL"],
    needed: 1,
    about: "prints the completion script for SHELL: bash, zsh or fish",
  },
  help: { words: [], about: "prints this help" },
  version: { words: [], about: "prints the version" },
} as const satisfies Readonly<Record<string, Verb>>;

export type VerbName = keyof typeof VERBS;

/** Whether there is a verb of a name, which may be "constructor". */
export function isVerb(name: string): name is VerbName {
  return Object.hasOwn(VERBS, name);
}
