import { once } from "node:events";
import { readFileSync, writeFileSync } from "node:fs";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import ssh2, { type Connection as Accepted } from "ssh2";
import { makeKey } from "../../../peers/keys.ts";
import { makeTemporary, removeTemporary } from "../../../peers/temporary.ts";
import type { Server } from "./early.ts";

/** How a server takes what comes early. */
export interface Manners {
  /** What it calls its first channel; default 0. */
  readonly firstChannel?: number;
  /** Ends the connection at a request for a channel that there is not, as sshd does. */
  readonly isStrict?: boolean;
  /** Ends the connection when a key is proven that it was not asked about. */
  readonly wantsQuestions?: boolean;
  /** Lets in and never answers a command. */
  readonly isSlow?: boolean;
  /** Closes every second session as soon as it is open. */
  readonly closesSecond?: boolean;
}

/** A server with manners of its own, and what it has seen. */
export interface EarlyServer extends Server, AsyncDisposable {
  /** Packets of logins and sessions, in order. */
  readonly packets: string[];
  /** Connections that are open now. */
  readonly open: number;
}

/** What of ssh2's server has no public name. */
interface Private {
  readonly _chanMgr: { _cur: number; get(id: number): unknown };
  readonly _protocol: {
    disconnect(reason: number): void;
    channelClose(id: number): void;
    readonly _handlers: Record<string, (protocol: unknown, recipient: number, ...rest: unknown[]) => void>;
  };
}

interface PrivateSession {
  readonly _chanInfo: { readonly outgoing: { readonly id: number } };
}

/** Starts one that takes every key and answers every command with "hello". */
export async function startEarlyServer(manners: Manners = {}): Promise<EarlyServer> {
  const folder = makeTemporary();
  const key = makeKey(join(folder, "host"));
  const packets: string[] = [];
  const open = new Set<Accepted>();
  const debug = (line: string) => {
    const [, packet] = / Inbound: (?:Received )?((?:SERVICE|USERAUTH|CHANNEL)_\w+)/.exec(line) ?? [];
    if (packet !== undefined) packets.push(packet);
  };
  const server = new ssh2.Server({ hostKeys: [readFileSync(key.path)], debug }, (connection) => {
    open.add(connection);
    connection.on("error", () => {}).on("close", () => open.delete(connection));
    serve(connection, manners);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const knownHosts = join(folder, "known_hosts");
  writeFileSync(knownHosts, `[127.0.0.1]:${port} ${key.line}\n`);
  return {
    ...{ host: "127.0.0.1", port, user: "jane", identity: makeKey(join(folder, "id")).path, knownHosts },
    packets,
    get open() {
      return open.size;
    },
    [Symbol.asyncDispose]: async () => {
      for (const connection of open) connection.end();
      await new Promise((resolve) => server.close(resolve));
      removeTemporary(folder);
    },
  };
}

function serve(connection: Accepted, manners: Manners): void {
  const { firstChannel = 0, isStrict, wantsQuestions, isSlow, closesSecond } = manners;
  const { _chanMgr: channels, _protocol: protocol } = connection as unknown as Private;
  let wasAsked = false;
  connection.on("authentication", (attempt) => {
    if (attempt.method !== "publickey") return attempt.reject(["publickey"]);
    if (attempt.signature !== undefined && !wasAsked && wantsQuestions) return connection.end();
    wasAsked = true;
    attempt.accept();
  });
  connection.on("ready", () => {
    channels._cur = firstChannel - 1;
    const { CHANNEL_REQUEST: own } = protocol._handlers;
    protocol._handlers.CHANNEL_REQUEST = (self, recipient, ...rest) => {
      if (!isStrict || channels.get(recipient) !== undefined) return own?.(self, recipient, ...rest);
      protocol.disconnect(2);
      connection.end();
    };
    let sessions = 0;
    connection.on("session", (accept) => {
      const session = accept();
      const { outgoing } = (session as unknown as PrivateSession)._chanInfo;
      if (closesSecond && ++sessions % 2 === 0) protocol.channelClose(outgoing.id);
      session.on("exec", (acceptExec) => {
        if (isSlow) return;
        const channel = acceptExec();
        channel.write("hello\n");
        channel.on("end", () => {
          channel.exit(0);
          channel.end();
        });
        channel.resume();
      });
    });
  });
}
