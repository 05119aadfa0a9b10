import { execFileSync, type StdioOptions } from "node:child_process";
import { once } from "node:events";
import { closeSync, constants, openSync } from "node:fs";
import { connect, createServer, Socket } from "node:net";
import { join } from "node:path";

/**
 * What a client gives its child.
 *
 * `alpine`: one pipe as fd 0, another as fd 1 and fd 2 (Gnus too). `pipes`: three pipes (OfflineIMAP).
 * `devnull`: two pipes, fd 2 is /dev/null (mutt). `closed-stderr`: two pipes, no fd 2. `socketpair`: one
 * socketpair as fd 0 and fd 1, a pipe as fd 2 (fetchmail, mbsync). `terminal`: one terminal for all three,
 * which is also the controlling one.
 */
export type Stdio = "alpine" | "pipes" | "devnull" | "closed-stderr" | "socketpair" | "terminal";

/** A pipe: one end for us, the other to be handed to a child and then closed here. */
interface Pipe {
  readonly ours: Socket;
  /** Descriptor for the child's stdio. */
  readonly theirs: number;
}

/*
 * Node's own stdio "pipe" is a socketpair, and Alpine's is a pipe, so these are FIFOs. Ours is opened
 * non-blocking, the child's on its own without that flag, since the flag belongs to the open file. One
 * extra reader stands in while the others are opened: a FIFO without one cannot be opened for writing.
 */
function openFifo(path: string, child: "reads" | "writes"): Pipe {
  execFileSync("mkfifo", ["-m", "600", path]);
  const { O_RDONLY, O_WRONLY, O_NONBLOCK } = constants;
  const reader = openSync(path, O_RDONLY | O_NONBLOCK);
  if (child === "writes") {
    const theirs = openSync(path, O_WRONLY);
    return { ours: new Socket({ fd: reader, readable: true, writable: false }), theirs };
  }
  const writer = openSync(path, O_WRONLY | O_NONBLOCK);
  const theirs = openSync(path, O_RDONLY);
  closeSync(reader);
  return { ours: new Socket({ fd: writer, readable: false, writable: true }), theirs };
}

/** A real pipe which the child reads. */
function pipeToChild(folder: string, name: string): Pipe {
  return openFifo(join(folder, name), "reads");
}

/** A real pipe which the child writes. */
function pipeFromChild(folder: string, name: string): Pipe {
  return openFifo(join(folder, name), "writes");
}

/** Two connected Unix stream sockets, as fetchmail and mbsync make them: one for us, one for the child. */
async function socketPair(folder: string): Promise<{ readonly ours: Socket; readonly theirs: Socket }> {
  const path = join(folder, "pair");
  const server = createServer({ allowHalfOpen: true }).listen(path);
  await once(server, "listening");
  const theirs = connect({ path, allowHalfOpen: true });
  const [[ours]] = await Promise.all([once(server, "connection"), once(theirs, "connect")]);
  server.close();
  return { ours, theirs };
}

/** The client's ends and the child's stdio; close() gives up the child's ends once it has them. */
interface Plumbing {
  readonly stdin?: Socket;
  readonly stdout?: Socket;
  readonly stderr?: Socket;
  readonly stdio: StdioOptions;
  readonly close: () => void;
}

/** Makes the pipes or sockets of one call; FIFOs and sockets get their names in `folder`. */
export async function plumb(kind: Stdio, folder: string): Promise<Plumbing> {
  if (kind === "terminal") return { stdio: ["pipe", "pipe", "inherit"], close: () => {} };
  if (kind === "socketpair") {
    const { ours, theirs } = await socketPair(folder);
    const errors = pipeFromChild(folder, "err");
    const close = () => {
      theirs.destroy();
      closeSync(errors.theirs);
    };
    return { stdin: ours, stdout: ours, stderr: errors.ours, stdio: [theirs, theirs, errors.theirs], close };
  }
  const input = pipeToChild(folder, "in");
  const output = pipeFromChild(folder, "out");
  const errors = kind === "pipes" ? pipeFromChild(folder, "err") : undefined;
  const second = errors?.theirs ?? (kind === "alpine" ? output.theirs : "ignore");
  const close = () => {
    for (const fd of [input.theirs, output.theirs]) closeSync(fd);
    if (errors !== undefined) closeSync(errors.theirs);
  };
  return {
    stdin: input.ours,
    stdout: output.ours,
    ...(errors === undefined ? {} : { stderr: errors.ours }),
    stdio: [input.theirs, output.theirs, second],
    close,
  };
}
