import { wrapped } from "./columns.ts";
import { VERBS, type Verb } from "./verbs.ts";

const CALLS = ["SERVER USER METHOD [-- ADDRESS...]", "SERVER [-q -a -x -T] -l USER [exec] /etc/rMETHODd"];

/** The words that a verb takes: `--forward SERVER [USER] [--for TIME]`. */
export function formOf(name: string, { words, needed = 0, options = {}, flags = [] }: Verb): string {
  const optional = words.slice(needed).reduceRight((inner, word) => `[${word}${inner && ` ${inner}`}]`, "");
  return [
    `--${name}`,
    ...words.slice(0, needed),
    ...(optional === "" ? [] : [optional]),
    ...Object.entries(options).map(([option, value]) => `[--${option} ${value}]`),
    ...flags.map((flag) => `[--${flag}]`),
  ].join(" ");
}

/** The forms of a call, as `--help` and a usage error on a terminal show them. */
export function synopsis(): readonly string[] {
  const forms = [...CALLS, ...Object.entries(VERBS).map(([name, verb]) => formOf(name, verb))];
  return forms.map((form, index) => `${index === 0 ? "usage:" : "      "} preauth ${form}`);
}

/** Columns of a line of --help where nobody says otherwise. */
const USUAL_WIDTH = 80;

/** All that `--help` says, on a terminal of so many columns. */
export function help(columns?: number): readonly string[] {
  const width = Math.min(columns ?? USUAL_WIDTH, USUAL_WIDTH);
  const names = Object.keys(VERBS).map((name) => `--${name}`);
  const indent = Math.max(...names.map((name) => name.length)) + 4;
  const verbs = Object.entries(VERBS).flatMap(([name, { about }]) =>
    wrapped(about, width, indent).map((line, index) =>
      index === 0 ? `  --${name}`.padEnd(indent) + line.slice(indent) : line,
    ),
  );
  return [
    ...synopsis(),
    "",
    ...wrapped(
      "preauth gives a mail client a preauthenticated connection to the mail server of any host that you can ssh to. Mail clients use the first two forms; Alpine with these lines in ~/.pinerc:",
      width,
    ),
    "",
    "  rsh-path=/usr/local/bin/preauth",
    "  rsh-command=%s %s %s %s",
    "",
    ...verbs,
    "",
    ...wrapped(
      "The table of hosts is ~/.config/preauth/hosts.toml (or $PREAUTH_TABLE), the log ~/.local/state/preauth/log. preauth(1) describes the program, preauth-hosts(5) the table.",
      width,
    ),
  ];
}
