import { spawn } from "node:child_process";
import { once } from "node:events";
import {
  closeSync,
  constants,
  existsSync,
  fstatSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { Failure } from "../failure.ts";
import { ownUid } from "../own_process.ts";
import { lines } from "../report/lines.ts";
import { type Danger, dangerOfFile, dangerOn, SAFER_PLACE } from "../safe_way.ts";
import { quoted } from "../shell_word.ts";

/** What ssh-keygen runs with, and for how long. */
interface Making {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly signal: AbortSignal;
}

/** A key for mail alone. */
export interface MailKey extends Disposable {
  /** Where the private key is, or will be when it is kept. */
  readonly path: string;
  /** Where it is now. */
  readonly file: string;
  /** As in its .pub: type, base64 and comment. */
  readonly line: string;
  /** Puts a new key into its place. Throws a Failure. */
  keep(): void;
}

/** The place of a key for mail of a SERVER, below ~/.ssh. */
export function usualPath(home: string, server: string): string {
  return join(home, ".ssh", `id_mail_${server.replace(/[^\w.-]/g, "_")}`);
}

/** Whether there is a key at a path, of which one half would do. */
export function isTaken(path: string): boolean {
  return existsSync(path) || existsSync(`${path}.pub`);
}

/**
 * A key that is there already. Throws a Failure without its .pub, which names it without its passphrase, and where somebody
 * else could have written that: their key would be let in.
 */
export function existingKey(path: string): MailKey {
  const name = `${path}.pub`;
  refuse(name, dangerOn(name, uid()));
  return { path, file: path, line: publicLine(name, path), keep: () => {}, [Symbol.dispose]: () => {} };
}

/**
 * Has ssh-keygen(1) make an ed25519 key for a path, in a directory beside it: it is gone again unless it is kept. Throws a
 * Failure, or the signal's reason.
 */
export async function newKey(path: string, passphrase: string, making: Making): Promise<MailKey> {
  refuse(path, dangerOn(path, uid()));
  const folder = folderBeside(path);
  const dispose = (): void => rmSync(folder, { recursive: true, force: true });
  try {
    const file = join(folder, "key");
    await generate(file, passphrase, making);
    const line = publicLine(`${file}.pub`, file);
    const keep = (): void => {
      if (isTaken(path)) throw new Failure("table", path, "exists now; nothing has been written");
      try {
        renameSync(`${file}.pub`, `${path}.pub`);
        renameSync(file, path);
      } catch (error) {
        throw unwritten(path, error);
      }
    };
    return { path, file, line, keep, [Symbol.dispose]: dispose };
  } catch (error) {
    dispose();
    throw error;
  }
}

function folderBeside(path: string): string {
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    return mkdtempSync(`${path}.new-`);
  } catch (error) {
    throw unwritten(path, error);
  }
}

function unwritten(path: string, error: unknown): unknown {
  if (!(error instanceof Error && "code" in error)) return error;
  return new Failure("table", path, `cannot be written (${error.code})`, { cause: error });
}

/** Without a terminal of its own it reads the passphrase, twice, from stdin: nobody else sees it there, as in its words. */
async function generate(file: string, passphrase: string, { env: given, signal }: Making): Promise<void> {
  const env = { ...given, SSH_ASKPASS_REQUIRE: "never", DISPLAY: "" };
  const words = ["-q", "-t", "ed25519", "-C", "mail alone, by preauth", "-f", file];
  const child = spawn("ssh-keygen", words, {
    stdio: ["pipe", "ignore", "pipe"],
    detached: true,
    signal,
    env,
  });
  const said: Buffer[] = [];
  child.stderr.on("data", (piece: Buffer) => said.push(piece));
  child.stdin.on("error", () => {});
  child.stdin.end(`${passphrase}\n${passphrase}\n`);
  const [status]: unknown[] = await once(child, "close").catch((error: NodeJS.ErrnoException) => {
    signal.throwIfAborted();
    const why = error.code === "ENOENT" ? "is not installed" : `cannot be started (${error.code})`;
    throw new Failure("command", "ssh-keygen", why);
  });
  if (status === 0) return;
  const reason = lines(Buffer.concat(said).toString()).at(-1) ?? "";
  throw new Failure("command", "ssh-keygen", reason.replace(/^(Enter .*?: )+/, "") || "did not make a key");
}

function publicLine(name: string, path: string): string {
  try {
    const [line] = lines(readOwn(name));
    if (line !== undefined && /^\S+ AAAA\S+/.test(line)) return line;
  } catch (error) {
    if (error instanceof Failure) throw error;
    // Said below.
  }
  throw new Failure("table", name, "is no public key", {
    hints: [`make it from the private key: ssh-keygen -y -f ${quoted(path)} > ${quoted(name)}`],
  });
}

/** The text of a file that nobody else could have written. */
function readOwn(name: string): string {
  const fd = openSync(name, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY);
  try {
    refuse(name, dangerOfFile(name, fstatSync(fd), uid()));
    return readFileSync(fd, "utf8");
  } finally {
    closeSync(fd);
  }
}

function refuse(path: string, danger: Danger | undefined): void {
  if (danger === undefined) return;
  const { what, hint } = danger;
  throw new Failure("table", path, what, { hints: [hint ?? SAFER_PLACE] });
}

/** A system without users has nobody else either. */
function uid(): number {
  return ownUid() ?? 0;
}
