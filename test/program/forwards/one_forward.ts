import { spawn } from "node:child_process";
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { type Home, type HostLines, makeHome, tableFor } from "../../peers/home.ts";
import type { Sshd } from "../../peers/sshd.ts";
import { refusingPort } from "../../peers/tcp.ts";
import { within } from "../../peers/waiting.ts";

/** A home whose table leads "work" to an sshd, with one forward of a free port. */
export interface Scene {
  readonly home: Home;
  readonly port: number;
}

/**
 * `to` is what the forward leads to; `lines` more lines of the [[forward]]; `host` keys of
 * the [[host]]; `taken` a port that is not free.
 */
export async function sceneFor(
  sshd: Sshd,
  to: string,
  lines = "",
  host: HostLines = {},
  taken?: number,
): Promise<Scene> {
  const home = makeHome();
  const port = taken ?? (await refusingPort());
  const table = tableFor(sshd, { match: "work", ...host });
  home.writeTable(`${table}\n[[forward]]\nname = "smtp"\nlisten = ${port}\nto = "${to}"\n${lines}\n`);
  return { home, port };
}

/** A client of a forward; connected when it resolves. */
export async function connected(port: number, host = "127.0.0.1"): Promise<Socket> {
  const socket = connect({ port, host, allowHalfOpen: true });
  await within(once(socket, "connect"), `a connection to ${host}:${port}`, () => "");
  return socket;
}

/** All that is said to a client until its end. */
export async function heard(socket: Socket): Promise<string> {
  let text = "";
  socket.on("data", (chunk) => {
    text += chunk;
  });
  socket.on("error", () => {});
  socket.on("end", () => socket.end());
  await within(once(socket, "close"), "the end of the connection", () => text);
  return text;
}

/** What a client that runs as another uid gets to read from a loopback port: an empty text when it is turned away. */
export async function heardAsAnother(port: number): Promise<string> {
  const script = `const s = require("net").connect(${port}, "127.0.0.1"); s.on("error", () => {}); s.pipe(process.stdout); setTimeout(() => s.end(), 2000).unref();`;
  const words = ["--reuid=12345", "--regid=12345", "--clear-groups", process.execPath, "-e", script];
  const child = spawn("setpriv", words, { stdio: ["ignore", "pipe", "ignore"], cwd: "/" });
  let text = "";
  child.stdout.on("data", (chunk) => {
    text += chunk;
  });
  await within(once(child, "close"), "the end of the other user's client", () => text);
  return text;
}
