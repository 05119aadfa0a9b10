import { spawn } from "node:child_process";
import { once } from "node:events";
import { hostTable, makeHome } from "../test/peers/home.ts";
import { program } from "../test/peers/programs.ts";
import { buildLike } from "./build.ts";
import type { Cleanup } from "./cleanup.ts";
import type { Start } from "./contender.ts";
import { BUILT } from "./preauth.ts";

/** A program that is asked for a server it does not know. */
export interface Refuser {
  readonly name: string;
  readonly start: Start;
  /** The exit status that says no. */
  readonly status: number;
}

const UNKNOWN = ["imap.example.com", "joe", "imap"];

/*
 * What the connection script of the SSH book does for a server it does not know, with its "else if" mended: it loads
 * the module for its look at the forwards, counts its words, compares the name with those it has, and ends.
 */
const SCRIPT = `use IO::Socket;

my ($server, $user, $method) = @ARGV;
die "three words are needed\\n" if @ARGV != 3;

my %commands = (
    "mail.isp.com" => "cd ~/bin; exec imapd",
    "clueful.isp.com" => "exec /etc/r\${method}d",
);
exit 1 if !exists $commands{$server};

exec "ssh", "-a", "-x", "-q", "$user\\@$server", $commands{$server};
`;

/** A program that does nothing, built as preauth is: no call can take less. */
export const FLOOR = "empty program";

/** One that reads the table as bytes, without a look at them: who refuses a server has read it. */
export const READER = "program that reads the table";

const READING = `import { readFileSync } from "node:fs";
process.exitCode = readFileSync(process.env.PREAUTH_TABLE).length > 0 ? 1 : 0;
`;

/** The script, both forms of preauth with the same two hosts, and programs that do next to nothing. */
export function refusers(cleanup: Cleanup): readonly Refuser[] {
  const home = cleanup.use(makeHome());
  home.writeTable(
    [
      hostTable({ match: "mail.isp.com", "commands.imap": "cd ~/bin; exec imapd" }),
      hostTable({ match: "clueful.isp.com", command: "exec /etc/r{method}d" }),
    ].join("\n"),
  );
  const script = home.write("connect.pl", SCRIPT);
  const refuser = (name: string, argv: readonly string[], status = 1, more = {}): Refuser => {
    return { name, start: { argv, env: { ...home.env, ...more } }, status };
  };
  return [
    ...BUILT.map(({ name, argv }) => refuser(name, [...argv, ...UNKNOWN])),
    refuser("Perl script", [program("perl"), script, ...UNKNOWN]),
    refuser(FLOOR, [buildLike(home, "empty", "process.exitCode = 1;\n"), ...UNKNOWN]),
    refuser(READER, [buildLike(home, "reader", READING), ...UNKNOWN], 1, { PREAUTH_TABLE: home.tableFile }),
    refuser("ssh -V", [program("ssh"), "-V"], 0),
    refuser("true(1)", [program("true"), ...UNKNOWN], 0),
  ];
}

/** Milliseconds from the start of a program to its end. Throws when it says a word, or anything but no. */
export async function timeToRefusal({ name, start, status }: Refuser): Promise<number> {
  const [first = "", ...words] = start.argv;
  const started = performance.now();
  const child = spawn(first, words, { env: start.env, stdio: ["pipe", "pipe", "ignore"] });
  let bytes = 0;
  child.stdin.on("error", () => {});
  child.stdout.on("data", (piece: Buffer) => {
    bytes += piece.length;
  });
  const [found] = await once(child, "close");
  const time = performance.now() - started;
  if (found !== status || bytes > 0) throw new Error(`${name} ended with ${found} and ${bytes} bytes`);
  return time;
}
