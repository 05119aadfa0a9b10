/** The forms of a call, as `--help` and a usage error on a terminal show them. */
export const SYNOPSIS: readonly string[] = [
  "usage: preauth SERVER USER METHOD [-- ADDRESS...]",
  "       preauth SERVER [-q -a -x -T] -l USER [exec] /etc/rMETHODd",
  "       preauth --explain SERVER [USER [METHOD]]",
  "       preauth --check SERVER [USER [METHOD]]",
  "       preauth --login SERVER [USER]",
  "       preauth --forward SERVER [USER] [--for TIME]",
  "       preauth --status [--json]",
  "       preauth --stop [SERVER] [--now]",
  "       preauth --help | --version",
];

/** All that `--help` says. */
export const HELP: readonly string[] = [
  ...SYNOPSIS,
  "",
  "Gives a mail client a preauthenticated connection to the mail server of any host",
  "that its user can ssh to. The first two forms are what mail clients call; in",
  "~/.pinerc:",
  "",
  "  rsh-path=/usr/local/bin/preauth",
  "  rsh-command=%s %s %s %s",
  "",
  "  --explain   tells what the table of hosts says about SERVER, and where;",
  "              connects to nothing",
  "  --check     makes the connection, tells how long each step takes, and what to",
  "              do about the one that fails",
  "  --login     logs in where somebody can be asked, on the terminal, and leaves the",
  "              connection for the mail client",
  "  --forward   brings up the forwards of the table without opening a mailbox, and",
  "              keeps them for TIME (5s, or forever) and while they are in use",
  "  --status    tells which connections, mailboxes and forwards are held",
  "  --stop      ends them, those of SERVER or all: open mailboxes finish first,",
  "              unless --now",
  "",
  "The table of hosts is ~/.config/preauth/hosts.toml (or $PREAUTH_TABLE), the log",
  "~/.local/state/preauth/log. preauth(1) describes both.",
];
