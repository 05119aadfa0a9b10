import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { makeCertificate } from "./certificate.ts";
import { program } from "./programs.ts";
import { Received } from "./received.ts";
import { makeTemporary, removeTemporary } from "./temporary.ts";
import { poll, within } from "./waiting.ts";

/** A message as an SMTP server takes it. */
export interface Letter {
  /** The address of MAIL FROM, without the brackets. */
  readonly from: string;
  /** The addresses of RCPT TO. */
  readonly to: readonly string[];
  /** Header and body, lines ended by LF, stuffed dots taken out. */
  readonly text: string;
}

/** A running aiosmtpd, which takes every message and delivers it into a Maildir of its own. */
export interface SmtpServer extends AsyncDisposable {
  readonly host: string;
  readonly port: number;
  /** The file of its certificate, which is for localhost and signed by itself. */
  readonly certificate: string;
  /** Asks how many connections it has accepted so far. */
  connections(): Promise<number>;
  /** How many messages it has taken so far. */
  letters(): number;
  /** Waits for the n-th message and gives it. */
  letter(n?: number): Promise<Letter>;
}

const HOST = "127.0.0.1";

/**
 * Starts aiosmtpd(1) on a port that is free; done when it listens. It offers STARTTLS, unless `tls` is false, with a
 * certificate that nobody trusts who is not told to, and insists on nothing.
 */
export async function startSmtp(port: number, { tls } = { tls: true }): Promise<SmtpServer> {
  const folder = makeTemporary();
  const maildir = join(folder, "Maildir");
  const words = ["-n", "-d", "-l", `${HOST}:${port}`, "-c", "aiosmtpd.handlers.Mailbox", maildir];
  const child = spawn(program("aiosmtpd"), [...(tls ? tlsWords(folder) : []), ...words], {
    stdio: ["ignore", "ignore", "pipe"],
    cwd: "/",
  });
  const stop = async () => {
    child.kill("SIGTERM");
    if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
    removeTemporary(folder);
  };
  const log = new Received(child.stderr, "aiosmtpd");
  try {
    // No connection tells that: another program may have taken the port meanwhile.
    await log.until(/Server is listening on/);
  } catch (error) {
    await stop();
    throw error;
  }
  let asked = 0;
  return {
    host: HOST,
    port,
    certificate: join(folder, "certificate"),
    connections: async () => {
      // One more connection: when the log has it, it has all that came before.
      const asker = connect(port, HOST);
      await within(once(asker, "connect"), `a connection to ${HOST}:${port}`);
      const [before] = await log.until(new RegExp(`^[^]*Peer: \\('${HOST}', ${asker.localPort}\\)`));
      asker.destroy();
      return (before.match(/Peer: /g)?.length ?? 0) - ++asked;
    },
    letters: () => (existsSync(join(maildir, "new")) ? readdirSync(join(maildir, "new")).length : 0),
    letter: (n = 1) =>
      poll(
        () => letterOf(maildir, n),
        `letter ${n}`,
        () => log.text,
      ),
    [Symbol.asyncDispose]: stop,
  };
}

function tlsWords(folder: string): readonly string[] {
  const { certificate, key } = makeCertificate(folder);
  return ["--tlscert", certificate, "--tlskey", key, "--no-requiretls"];
}

/** The n-th message of the Maildir, if it is there; Python's mailbox counts in the Q of its files' names. */
function letterOf(maildir: string, n: number): Letter | undefined {
  const name = readdirSync(join(maildir, "new")).find((name) => name.includes(`Q${n}.`));
  if (name === undefined) return undefined;
  const text = readFileSync(join(maildir, "new", name), "utf8");
  // What aiosmtpd's handler adds at the end of the header.
  const added = /^X-Peer: .*\nX-MailFrom: (.*)\nX-RcptTo: (.*)\n(?=\n)/m.exec(text);
  if (added === null) throw new Error(`no envelope in a message of aiosmtpd's:\n${text}`);
  const [lines, from = "", to = ""] = added;
  return { from, to: to.split(", "), text: text.replace(lines, "") };
}
