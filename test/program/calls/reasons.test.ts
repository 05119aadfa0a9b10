import assert from "node:assert/strict";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { describeForms } from "../../peers/binaries.ts";
import { type Home, type HostLines, makeHome, tableFor } from "../../peers/home.ts";
import { makeKey } from "../../peers/keys.ts";
import { type Sshd, startSshd } from "../../peers/sshd.ts";
import { closingServer, refusingPort, speakingServer } from "../../peers/tcp.ts";
import { converse, MAIL, refusal, told } from "./client.ts";

let sshd: Sshd;
before(async () => {
  sshd = await startSshd();
});
after(() => sshd.stop());

/** One way in which a server of the table cannot be had. */
interface Case {
  readonly title: string;
  readonly status: number;
  /** The reason, behind "mail.test: ". */
  readonly reason: RegExp;
  /** How its [[host]] differs from that of a server which works. */
  readonly keys: (home: Home) => HostLines | Promise<HostLines>;
  /** Where it takes another server: the keys of that, instead of `keys`. */
  readonly peer?: () => Promise<AsyncDisposable & { readonly port: number }>;
}

const FINGERPRINT = "SHA256:[\\w+/]{43}";

/** A remote command, as commands.imap. */
function command(line: string): { readonly keys: () => HostLines } {
  return { keys: () => ({ "commands.imap": line }) };
}

const CASES: readonly Case[] = [
  {
    title: "a refused connection",
    status: 69,
    reason: /connection refused \(127\.0\.0\.1 port \d+\)/,
    keys: async () => ({ port: await refusingPort() }),
  },
  {
    title: "a name that does not resolve",
    status: 69,
    reason: /cannot find the name "nowhere\.invalid"/,
    keys: () => ({ server: "nowhere.invalid" }),
  },
  {
    title: "a server that closes at once",
    status: 69,
    reason: /the server closed the connection \(before it sent its SSH version\)/,
    keys: () => ({}),
    peer: closingServer,
  },
  {
    title: "a server that speaks another SSH",
    status: 69,
    reason: /[a-z].*SSH.*/,
    keys: () => ({}),
    peer: () => speakingServer("SSH-1.5-\x1b[31mold\r\n"),
  },
  {
    title: "an unknown host key",
    status: 77,
    reason: new RegExp(`host key unknown \\(the server offered ssh-ed25519 ${FINGERPRINT}\\)`),
    keys: () => ({ known_hosts: sshd.knownHostsFile("empty") }),
  },
  {
    title: "a changed host key",
    status: 77,
    reason: new RegExp(`host key changed \\(\\S+:1 has ${FINGERPRINT}, the server offered ${FINGERPRINT}\\)`),
    keys: () => ({ known_hosts: sshd.knownHostsFile("wrong") }),
  },
  {
    title: "a key that is not authorised",
    status: 77,
    reason: new RegExp(
      `\\S+ not let in \\(tried ssh-ed25519 ${FINGERPRINT} from \\S+; the server takes publickey\\)`,
    ),
    keys: (home) => ({ identity: makeKey(join(home.path, "other")).path }),
  },
  {
    title: "no key at all",
    status: 77,
    reason: /no key to log in with as \S+ \(\S+ is missing; the server takes publickey\)/,
    keys: (home) => ({ identity: join(home.path, "none") }),
  },
  {
    title: "a remote command that is missing",
    status: 127,
    reason: /".*\/nowhere\/imapd.*" \(the remote command ended with status 127 before any greeting\)/,
    ...command("exec /nowhere/imapd"),
  },
  {
    title: "a remote command that cannot be executed",
    status: 126,
    reason: /".*\/etc\/passwd.*" \(the remote command ended with status 126 before any greeting\)/,
    ...command("exec /etc/passwd"),
  },
  {
    title: "a remote command that ends with 3",
    status: 3,
    reason: /"no mail \\e\[1mtoday" \(the remote command ended with status 3 before any greeting\)/,
    ...command("printf 'first\\nno mail \\033[1mtoday\\n\\n' >&2; exit 3"),
  },
  {
    title: "a remote command that ends without a word",
    status: 69,
    reason: /the remote command ended with status 0 before any greeting/,
    ...command("exit 0"),
  },
  {
    title: "a remote command that says something else and ends",
    status: 69,
    reason: /the remote command ended with status 0 before any greeting: "have a nice day"/,
    ...command("printf 'have a nice day'"),
  },
  {
    title: "a remote command killed by SIGTERM",
    status: 143,
    reason: /the remote command ended by SIGTERM before any greeting/,
    ...command("kill -TERM $$"),
  },
  {
    title: "a remote command killed by SIGKILL",
    status: 137,
    reason: /the remote command ended by SIGKILL before any greeting/,
    ...command("kill -KILL $$"),
  },
  {
    title: "a connection lost before the greeting",
    status: 255,
    reason: /connection lost before the greeting: "(the server closed the connection|connection reset)"/,
    ...command("kill -KILL $PPID; exec cat"),
  },
  {
    title: "a server that opens no session",
    status: 69,
    reason: /the server opens no session: "open failed"/,
    keys: () => ({}),
    peer: () => startSshd({ config: ["MaxSessions 0"] }),
  },
];

describeForms("the reason and the exit status of", { concurrency: 3 }, (form) => {
  const argv = [...form.argv, ...MAIL];
  for (const { title, status, reason, keys, peer } of CASES) {
    test(`${title}: ${status}`, async () => {
      await using other = await peer?.();
      using refusing = makeHome();
      using telling = makeHome();
      using separate = makeHome();
      const lines = await keys(refusing);
      const server = isSshd(other) ? other : sshd;
      const port = other === undefined ? {} : { port: other.port };
      const table = (on_failure: string) => tableFor(server, { on_failure, ...port, ...lines });
      refusing.writeTable(table("refuse"));
      telling.writeTable(table("tell"));
      separate.writeTable(table("silent"));
      const [refused, toldOf, quiet] = await Promise.all([
        converse(argv, { env: refusing.env }),
        converse(argv, { env: telling.env, stdio: "devnull" }),
        converse(argv, { env: separate.env, stdio: "pipes" }),
      ]);

      assert.deepEqual([refused.status, toldOf.status, quiet.status], [status, status, status]);
      const text = refused.output.toString("latin1");
      const [, said = ""] = /\* BYE preauth: (.*)\r\n/.exec(text) ?? [];
      assert.match(said, new RegExp(`^mail\\.test: (${reason.source})$`));
      assert.match(said, /^[\x20-\x7e]{1,400}$/);
      assert.equal(text, refusal(said));
      assert.ok(refusing.log().includes(`${said}\n`), `the log has the reason: ${refusing.log()}`);

      const [, again = ""] = /^\* NO preauth: (.*)\r\n/.exec(toldOf.output.toString("latin1")) ?? [];
      assert.match(again, new RegExp(`^mail\\.test: (${reason.source})$`));
      assert.equal(toldOf.output.toString("latin1"), told(again));

      assert.equal(quiet.output.length, 0);
      assert.match(quiet.stderr, new RegExp(`^preauth: mail\\.test: (${reason.source})\n$`));
    });
  }
});

function isSshd(peer: object | undefined): peer is Sshd {
  return peer !== undefined && "knownHosts" in peer;
}
