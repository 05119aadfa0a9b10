import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { within } from "../../test/peers/waiting.ts";

/** A connection that has been greeted. */
export interface Greeted {
  readonly socket: Socket;
  /** Milliseconds from the connecting to the greeting. */
  readonly took: number;
}

const LIMIT = 60_000;

/** Connects and waits for the greeting. Rejects when the connection ends before it. */
export async function greeted(port: number): Promise<Greeted> {
  const began = performance.now();
  const socket = connect({ port, host: "127.0.0.1", noDelay: true });
  socket.on("error", () => {});
  await hears(socket, "PREAUTH");
  return { socket, took: performance.now() - began };
}

/** Says a line and waits until it comes back. */
export async function echoed(socket: Socket, line: string): Promise<void> {
  const heard = hears(socket, line);
  socket.write(`${line}\n`);
  await heard;
}

/** Ends a connection and waits for its end. */
export async function left(socket: Socket): Promise<void> {
  const closed = once(socket, "close");
  socket.end();
  socket.resume();
  await within(closed, "the end of a connection", () => "", LIMIT);
}

/** Milliseconds that one connection took to its greeting; it is over then. */
export async function greetingAt(port: number): Promise<number> {
  const { socket, took } = await greeted(port);
  await left(socket);
  return took;
}

function hears(socket: Socket, word: string): Promise<void> {
  let text = "";
  const heard = new Promise<void>((resolve, reject) => {
    const done = (error?: Error): void => {
      socket.off("data", take).off("close", gone);
      if (error === undefined) resolve();
      else reject(error);
    };
    const take = (chunk: Buffer): void => {
      text += chunk.toString("latin1");
      if (text.includes(word)) done();
    };
    const gone = (): void => done(new Error(`the connection ended after "${text}"`));
    socket.on("data", take).on("close", gone);
  });
  return within(heard, `"${word}" of a connection`, () => text, LIMIT);
}
