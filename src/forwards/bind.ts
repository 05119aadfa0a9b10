import { once } from "node:events";
import { createServer, type ListenOptions, type Server, type Socket } from "node:net";

/** Takes an accepted connection, paused: nothing of it has been read. */
export type Accept = (socket: Socket) => void;

/** A place that is listened on. */
export interface Listening {
  /** Stops listening, at once, and removes what is ours and nothing else; connections go on. */
  close(): void;
}

/** An address, a path, or the descriptor of a socket that is bound already. */
type ListenPlace = ListenOptions & { readonly fd?: number };

/** Listens on one address or path. Throws as bind(2) and listen(2) do. */
export async function bind(where: ListenPlace, accept: Accept): Promise<Server> {
  const server = createServer({ allowHalfOpen: true, pauseOnConnect: true, noDelay: true }, accept);
  server.listen(where);
  await once(server, "listening");
  // Such as too many open files when a connection is to be accepted: it waits in the queue.
  server.on("error", () => {});
  return server;
}

/** The errno name of a failed system call, or its message. */
export function errorCode(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  return code ?? message;
}
