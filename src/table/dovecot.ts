/** A value of -o for Dovecot 2.3 and for 2.4: each leaves aside the words of the other. */
function options(...settings: readonly string[]): string {
  return settings.map((setting) => `-o ${setting}`).join(" ");
}

/** Where the mail is. Not with a tilde, which is mail_home for 2.4: Debian's is /home/USER, wherever the user lives. */
const MAILDIR = options(
  'mail_location=maildir:"$HOME/Maildir"',
  'mail_driver=maildir -o mail_path="$HOME/Maildir"',
  'mail_inbox_path="$HOME/Maildir"',
);

/** The same for a file of mbox form, which the script has as $use. */
const MBOX = options(
  'mail_location=mbox:"$HOME/mail:INBOX=$use"',
  'mail_driver=mbox -o mail_path="$HOME/mail"',
  'mail_inbox_path="$use" -o mailbox_list_layout=fs',
);

/** What 2.3 has in one setting, "KIND:PATH:INBOX=PATH", and 2.4 in three. Those of the namespace come last, and win. */
const SETTINGS =
  "mail_home mail_location mail_driver mail_path mail_inbox_path " +
  "namespace/inbox/mail_driver namespace/inbox/mail_path namespace/inbox/mail_inbox_path namespace/inbox/location";

/** The beginnings of a path below the home, in the words of both. */
const AT_HOME = `"~/"*|"%h/"*|"%{home}/"*`;

/** $kind, $place and $inbox: how and where the configuration keeps mail; each is empty where it does not. */
const CONFIGURED = [
  `conf=$(doveconf -f protocol=imap ${SETTINGS} 2>/dev/null)`,
  `of() { line=$(echo "$conf" | grep "^ *$1 = ." | tail -n 1); echo "\${line#* = }"; }`,
  "kind=$(of mail_driver) place=$(of mail_path) inbox=$(of mail_inbox_path)",
  `where=$(of namespace/inbox/location); [ "$where" ] || where=$(of mail_location)`,
  `if [ "$where" ]; then kind=\${where%%:*} place=\${where#*:} inbox=; ` +
    `case "$place" in (*:INBOX=*) inbox=\${place#*:INBOX=}; inbox=\${inbox%%:*};; esac; place=\${place%%:*}; fi`,
].join("; ");

/** Makes an absolute path of one of the configuration's, with the user's name and home; nothing of any other variable. */
const FULL = [
  `full() { at=$1; case "$at" in (*"%{user"*"}"*) end=\${at#*"%{user"}; at=\${at%%"%{user"*}$USER\${end#*"}"};; esac`,
  `for one in %u %n; do case "$at" in (*"$one"*) at=\${at%%"$one"*}$USER\${at#*"$one"};; esac; done`,
  `case "$at" in (${AT_HOME}) at=$HOME/\${at#*/};; esac`,
  `case "$at" in (*%*) ;; (/*) echo "$at";; esac; }`,
].join("; ");

/**
 * mail_home is for users who have no other home (2.3), or for a server that was not told of one (2.4). It counts where the
 * mail is below it, and not below the home.
 */
const HOME = [
  `there=$(full "$(of mail_home)")`,
  `if [ "$there" ]; then for one in "$place" "$inbox"; do case "$one" in (${AT_HOME}) one=\${one#*/}; ` +
    `[ -e "$HOME/$one" ] || { [ -e "$there/$one" ] && HOME=$there; };; esac; done; set -- "$@" -o mail_home="$HOME"; fi`,
].join("; ");

/** What is said and done where INBOX would be in /var/mail, is not there, and cannot be made. */
const NOWHERE =
  `echo "no $box is on the server, and $USER may not make it: ask the administrator for it, ` +
  `or have commands.imap in hosts.toml name the place of the mail" >&2; exit 69`;

/**
 * What a Dovecot needs to know, as words that go behind it. A group for the mail is a setting for root, and dotlocks in
 * /var/mail are for whoever may write there: with either of them INBOX is read-only. Mail that is there is opened, before
 * Dovecot makes a directory that its configuration names. Where that has INBOX in /var/mail, and no mail is there, the
 * Maildir or ~/mbox that is there is meant; so it is where the configuration has no place at all, and Dovecot would look
 * for one. A mailbox that nobody but root can make is the reason why it ends.
 */
export const DOVECOT = [
  "box=/var/mail/$USER",
  "[ -d /var/mail ] || box=/var/spool/mail/$USER",
  `spool=\${box%/*}`,
  "set -- -o mail_privileged_group=",
  `[ -w "$spool" ] || set -- "$@" -o mbox_write_locks=fcntl`,
  CONFIGURED,
  FULL,
  HOME,
  // An option for all would not reach what a namespace has of its own.
  `case "$conf" in (*"namespace inbox {"*|*"/location = "?*) place=;; esac`,
  `place=$(full "$place") inbox=$(full "$inbox") mail= use=`,
  `[ "$conf" ] || inbox=$box`,
  `for file in ~/mbox "$box"; do if [ -f "$file" ] && [ -s "$file" ]; then mail=$file; fi; done`,
  `case "$kind:$inbox" in ` +
    `(maildir:*|[sm]dbox:*) [ -z "$place" ] || [ -d "$place" ] || use=$mail;; ` +
    `(mbox:/var/mail/*|mbox:/var/spool/mail/*|:*) ` +
    `if [ -z "$conf" ]; then :; elif [ "$kind" ] && [ -s "$box" ]; then :; ` +
    `elif [ -d ~/Maildir/cur ]; then set -- "$@" ${MAILDIR}; ` +
    `elif [ -z "$kind" ] && { [ -d ~/mdbox ] || [ -d ~/sdbox ]; }; then :; ` +
    `elif [ -f "$box" ] || [ -w "$spool" ]; then [ "$kind" ] || use=$box; ` +
    `elif [ "$mail" ]; then use=$mail; else ${NOWHERE}; fi;; esac`,
  `[ -z "$use" ] || { inbox=$use; set -- "$@" ${MBOX}; }`,
  `if [ -f "$inbox" ] && [ -s "$inbox" ]; then [ -w "$inbox" ] || ` +
    `echo "$USER may not write $inbox: it can only be read" >&2; fi`,
].join("; ");
