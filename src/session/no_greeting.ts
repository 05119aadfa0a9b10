import { Failure } from "../failure.ts";
import { endpointText } from "../forwards/plan.ts";
import { quoted } from "../shell_word.ts";
import type { Exit } from "../ssh/channel/remote_command.ts";
import type { Decision } from "../table/decision.ts";
import { isOfSearch } from "../table/imapd.ts";
import type { Endpoint } from "../table/table.ts";
import { usualLine } from "./command.ts";
import { described, type End, quotedTail, statusOf } from "./exit.ts";
import type { OtherGreeting } from "./guard.ts";
import type { Remarks } from "./remarks.ts";

// Alpine shows some 60 characters of a reason, so each begins with what is wrong, which the server knows best.

/** What was called, and what of the server's it leads to, where that is known. */
export type Called = Pick<Decision, "server" | "method"> & Partial<Pick<Decision, "command">>;

/** What a server has said beside a greeting. */
export type Said = Pick<Remarks, "last" | "telling">;

const NAME_IT = 'name the imapd of the remote host in the table, as in commands.imap = "exec /path/to/imapd"';

/** What to do about a program of METHOD that is missing. */
export function nameProgram(method: string): string {
  const line = JSON.stringify(usualLine(method));
  return `name the program of the remote host in the table, as in commands.${method} = ${line}`;
}

const NAME_THE_MAIL =
  'Dovecot with mail in ~/Mail: commands.imap = "exec doveadm exec imap -o mail_location=maildir:$HOME/Mail ' +
  '-o mail_driver=maildir -o mail_path=$HOME/Mail -o mail_inbox_path=$HOME/Mail"';

/** What a restricted shell (rbash, rksh) says of exec, and of a slash. */
const RESTRICTED = /: restricted\b/;
const ON_ITS_PATH =
  'its login shell is restricted: name a program on its PATH, without exec and slashes: commands.imap = "imapd"';

const BY_PORT =
  "an imapd that users cannot start (Cyrus, virtual users) can be used through its port, by mail programs that log in " +
  'by themselves: commands.imap = { to = "localhost:143", login = "client" }';

/** What no user can mend, and what is wrong at the port as well: a file that all of Dovecot reads, or a part that is not there. */
const MISCONFIGURED =
  /\bFatal: (?:Error in configuration file(?!.*Permission denied)|Plugin '[^']*' not found)/;
const ASK_FOR_CONFIGURATION = "ask the server's administrator to correct Dovecot's configuration";

/** What is wrong with a server that greets, and has nobody logged in. */
export function unwelcome({ isOk, text }: OtherGreeting, server: string, { telling }: Said): Failure {
  if (isOk) {
    return new Failure("command", server, `the IMAP server is not preauthenticated: "${text}"`, {
      hints: ["commands.imap must start an imapd as the user, not connect to a port of it"],
    });
  }
  const what = `the IMAP server refused: "${text}"`;
  const maildir = NO_MAILDIR.exec(telling)?.[1];
  const isVague = /\b(?:fatal|internal)\b/i.test(text) && (maildir !== undefined || telling.includes("/"));
  return new Failure("command", server, isVague ? `"${telling}" (${what})` : what, {
    hints: isVague && maildir !== undefined ? withoutMaildir(maildir) : [],
  });
}

/** Courier says "Fatal error", and on standard error which directory it has not found: its word, $MAILDIR, or its own. */
const NO_MAILDIR = /^chdir (.+): No such file or directory$/;

/** By mkdir(1), whose words are the same everywhere: Courier's maildirmake has another name beside Dovecot's. */
function withoutMaildir(told: string): readonly string[] {
  const path = told.replace(/^\.\/(?=.)/, "").replace(/(?<=.)\/+$/, "");
  const whole = path.startsWith("/") ? quoted(path) : `~/${quoted(path)}`;
  const parts = ["", "/cur", "/new", "/tmp"].map((part) => `${whole}${part}`);
  return [
    'Courier with mail in ~/Mail: commands.imap = "exec imapd Mail"',
    `without any mail, run on the server: mkdir -p -m 700 ${parts.join(" ")}`,
  ];
}

/** A server that talks without end, and does not greet. */
export function flooded(called: Called, { last }: Said): Failure {
  const { server, method, command } = called;
  if (command?.value.kind === "port") {
    return fromPort(
      called,
      command.value.to,
      `says 64 KiB without an ${method.toUpperCase()} greeting`,
      last,
    );
  }
  const what = `64 KiB without ${method === "imap" ? "an IMAP" : "a"} greeting`;
  return new Failure("command", server, `${what}${quotedTail(last)}`, {
    hints: [
      "see what its shell prints: ssh to it and run the command of the table; the log has the beginning",
    ],
  });
}

/** A command that is over, and has not greeted. */
export function endedWithoutGreeting(exit: Exit, called: Called, said: Said): Failure {
  const { server, method, command } = called;
  if (exit.kind === "lost")
    return new Failure("lost", server, `connection lost before the greeting${quotedTail(exit.why)}`);
  if (command?.value.kind === "port") {
    return fromPort(called, command.value.to, "closed the connection before any greeting", said.last);
  }
  const ended = `the remote command ended ${described(exit)} before any greeting`;
  // What a shell says of a missing program is the last that it says.
  const line = isNotFound(exit) ? said.last : said.telling;
  return new Failure("command", server, whatEnded(exit, ended, line), {
    // Status 0 without a greeting is no success.
    status: statusOf(exit) || 69,
    hints: hintsFor(exit, method, line),
  });
}

/** A program of a METHOD that greets nobody, and has not ended well; `last` is what it has said. */
export function endedInVain(end: End, { server, method }: Called, last: string): Failure {
  return new Failure("command", server, `${method} ended ${described(end)}${quotedTail(last)}`, {
    status: statusOf(end),
    hints: isNotFound(end) ? [nameProgram(method)] : [],
  });
}

/** A port of the server at which no such server is, or one that wants TLS first. */
function fromPort({ server, method }: Called, to: Endpoint, what: string, last: string): Failure {
  return new Failure("command", server, `${endpointText(to)} ${what}${quotedTail(last)}`, {
    hints: [`commands.${method} must lead to an ${method.toUpperCase()} server without TLS`],
  });
}

function whatEnded(exit: Exit, ended: string, line: string): string {
  if (isOfSearch(line)) return line;
  // Of one that is content with itself nothing is known to be wrong but that it has ended.
  if (line === "" || statusOf(exit) === 0) return `${ended}${quotedTail(line)}`;
  return `"${line}" (${ended})`;
}

function hintsFor(exit: Exit, method: string, line: string): readonly string[] {
  if (method !== "imap") return isNotFound(exit) ? [nameProgram(method)] : [];
  if (isNotFound(exit)) return isOfSearch(line) ? [NAME_IT, BY_PORT] : [NAME_IT];
  if (isOfSearch(line)) return [NAME_THE_MAIL];
  if (RESTRICTED.test(line)) return [ON_ITS_PATH];
  if (MISCONFIGURED.test(line)) return [ASK_FOR_CONFIGURATION];
  // An imapd that says nothing has a status of sysexits(3); a login shell that runs nothing has 0 or 1.
  const isImapds = exit.kind === "status" && (line === "" ? exit.status >= 64 : exit.status !== 0);
  return isImapds ? [BY_PORT] : [];
}

/** What was waited for is out of time: the last that was heard may say why, such as a question of a start-up file. */
export function withLastWord(reason: unknown, { last }: Said): unknown {
  if (!(reason instanceof Failure) || reason.trouble !== "deadline" || last === "") return reason;
  return new Failure("deadline", reason.subject, `${reason.what}${quotedTail(last)}`);
}

/** What a shell says of a program that is missing (127) or may not be run (126): POSIX.1-2017, XCU 2.8.2. */
export function isNotFound(exit: End): boolean {
  return exit.kind === "status" && (exit.status === 127 || exit.status === 126);
}
