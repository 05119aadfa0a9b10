import { type ChildProcessByStdio, spawn } from "node:child_process";
import { once } from "node:events";
import { Duplex, type Readable, type Writable } from "node:stream";
import { signalGroup } from "../../own_process.ts";
import type { Person } from "../../person.ts";
import type { Progress } from "../../progress.ts";
import { lines } from "../../report/lines.ts";
import type { Note } from "../../report/note.ts";
import type { Target } from "../../target/target.ts";
import { Askpass } from "./askpass.ts";
import { Complaints, ProxyFailure, wayTo } from "./proxy_failure.ts";

export interface ProxyOptions {
  readonly signal: AbortSignal;
  readonly progress: Progress;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Takes what the command says on stderr. */
  readonly note: Note;
  /** Who may be asked what an ssh in it wants to know; nobody when a mail client calls. */
  readonly person?: Person | undefined;
  /** For each host on the way of a ProxyJump, the words behind `ssh` that lead to it by hand. */
  readonly jumps: Target["jumps"];
  /** How a key is added to the agent that is asked for such a host. */
  readonly addingFor: (words: readonly string[]) => Promise<string | undefined>;
}

/** What a failure of the command needs to know for its hints. */
type Advice = Pick<ProxyOptions, "jumps" | "addingFor">;

/**
 * Starts a ProxyCommand, by the user's shell as ssh(1) does (sshconnect.c); what it reads and writes is the connection. It
 * is in a session of its own, so that it finds no terminal to ask on and can be ended with all that it starts. Throws
 * the signal's reason.
 */
export async function startProxy(
  command: string,
  { signal, progress, note, env, person, jumps, addingFor }: ProxyOptions,
): Promise<Duplex> {
  signal.throwIfAborted();
  progress.begin("connect", "starting the ProxyCommand");
  const { SHELL = "", SSH_AUTH_SOCK } = env;
  // Relative ones would be looked for in the directory that a mail client happens to be started in.
  const agent = SSH_AUTH_SOCK?.startsWith("/") === true ? SSH_AUTH_SOCK : undefined;
  const shell = SHELL.startsWith("/") ? SHELL : "/bin/sh";
  const askpass = person && new Askpass({ person, signal, env });
  const child = spawn(shell, ["-c", `exec ${command}`], {
    ...{ stdio: ["pipe", "pipe", "pipe"], detached: true },
    env: { ...env, SSH_AUTH_SOCK: agent, ...(askpass?.env ?? { SSH_ASKPASS_REQUIRE: "never" }) },
  });
  if (askpass !== undefined) {
    // The server's first bytes come when the way there is open.
    child.stdout.once("data", () => askpass.close());
    child.once("close", () => askpass.close());
    signal.addEventListener("abort", () => askpass.close(), { once: true });
    child.once("error", () => askpass.close());
  }
  progress.done("connect", `through ${command}`);
  return new ProxySocket(child, note, shell, { jumps, addingFor });
}

class ProxySocket extends Duplex {
  /** As net.Socket's. */
  bytesWritten = 0;
  readonly #child: ChildProcessByStdio<Writable, Readable, Readable>;

  constructor(
    child: ChildProcessByStdio<Writable, Readable, Readable>,
    note: Note,
    shell: string,
    { jumps, addingFor }: Advice,
  ) {
    super({ allowHalfOpen: false });
    this.#child = child;
    const complaints = new Complaints();
    // Its error may come before anybody listens.
    this.on("error", () => {});
    child.on("error", (error: NodeJS.ErrnoException) => {
      const why = `could not be started: $SHELL is ${shell} (${error.code ?? error.message})`;
      this.destroy(new ProxyFailure(why, complaints.sum));
    });
    child.stdout.on("data", (chunk: Buffer) => {
      if (!this.push(chunk)) child.stdout.pause();
    });
    child.stderr.on("data", (chunk: Buffer) => {
      for (const line of lines(chunk.toString())) {
        complaints.take(line);
        note(`ProxyCommand: ${line}`);
      }
    });
    for (const stream of [child.stdin, child.stdout, child.stderr]) stream.on("error", () => {});
    // Only its status tells an end of the connection from a proxy that never had one.
    const ends = [once(child, "exit"), once(child.stdout, "close")] as const;
    Promise.all(ends).then(
      async ([[status, name]]) => {
        if (status === 0) return this.push(null);
        const { sum } = complaints;
        const way = wayTo(sum.host, jumps);
        // Any other host was named by text that a server on the way may have written.
        const jump = jumps.find((words) => words === way);
        const adding = jump !== undefined && sum.trouble === "auth" ? await addingFor(jump) : undefined;
        return this.destroy(new ProxyFailure(`ended with ${name ?? `status ${status}`}`, sum, way, adding));
      },
      (error: Error) => this.destroy(error),
    );
  }

  override _read(): void {
    this.#child.stdout.resume();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    this.bytesWritten += chunk.length;
    // Without its error: the command's end says more than a broken pipe.
    this.#child.stdin.write(chunk, () => done());
  }

  override _final(done: () => void): void {
    this.#child.stdin.end(() => done());
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    const { stdin, stdout, stderr } = this.#child;
    signalGroup(this.#child, "SIGTERM");
    for (const stream of [stdin, stdout, stderr]) stream.destroy();
    this.#child.unref();
    done(error);
  }
}
