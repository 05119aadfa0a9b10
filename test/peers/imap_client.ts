import { once } from "node:events";
import { connect, type NetConnectOpts, type Socket } from "node:net";
import { Received } from "./received.ts";
import { within } from "./waiting.ts";

/** A client at a port or a Unix socket, that says what the test has it say. */
export interface ImapClient extends Disposable {
  readonly socket: Socket;
  /** All that it has heard. */
  readonly text: string;
  /** Waits until what it has heard matches. */
  until(pattern: RegExp, limit?: number): Promise<RegExpExecArray>;
  /** Waits for the end, and gives all that it has heard. */
  ended(limit?: number): Promise<string>;
  say(text: string): void;
  /** Ends its own direction. */
  end(): void;
}

/** Connects; done when it is connected. */
export async function imapClient(to: number | string | NetConnectOpts): Promise<ImapClient> {
  const place =
    typeof to === "number" ? { port: to, host: "127.0.0.1" } : typeof to === "string" ? { path: to } : to;
  const socket = connect({ ...place, allowHalfOpen: true });
  const received = new Received(socket, "the client's connection");
  await within(once(socket, "connect"), `a connection to ${JSON.stringify(place)}`, () => "");
  return {
    socket,
    get text() {
      return received.text;
    },
    until: (pattern, limit) => received.until(pattern, limit),
    ended: async (limit) => (await received.ended(limit)).toString("latin1"),
    say: (text) => void socket.write(text),
    end: () => void socket.end(),
    [Symbol.dispose]: () => void socket.destroy(),
  };
}
