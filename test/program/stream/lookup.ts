import { execFileSync } from "node:child_process";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import type { Home } from "../../peers/home.ts";
import { findProgram, program } from "../../peers/programs.ts";
import { within } from "../../peers/waiting.ts";

/** A name server that hears every question and answers none. */
export interface SilentNameServer extends AsyncDisposable {
  /** Words in front of a program that make it ask this name server. */
  readonly under: readonly string[];
  /** Resolves when it has been asked. */
  asked(): Promise<void>;
}

/** resolv.conf(5) can name no port but 53, and the file is everybody's: only root can have one of its own. */
export function skipWithoutNameServer(): string | false {
  if (process.getuid?.() !== 0) return "only root can have a resolv.conf of its own";
  const unshare = findProgram("unshare");
  if (unshare === undefined) return "unshare is missing";
  try {
    execFileSync(unshare, ["--mount", "true"], { stdio: "ignore" });
    return false;
  } catch {
    return "no mount namespaces here";
  }
}

/** Starts one on a loopback address of its own; the file that names it goes below the home. */
export async function startSilentNameServer(home: Home): Promise<SilentNameServer> {
  const socket = createSocket("udp4");
  const any = () => 1 + Math.floor(Math.random() * 250);
  const address = `127.${any()}.${any()}.${any()}`;
  socket.bind(53, address);
  await once(socket, "listening");
  const question = once(socket, "message");
  const options = "options timeout:30 attempts:5";
  const file = home.write("resolv.conf", `nameserver ${address}\n${options}\n`, 0o644);
  const script = `mount --bind '${file}' /etc/resolv.conf && exec "$@"`;
  return {
    under: [program("unshare"), "--mount", "sh", "-c", script, "sh"],
    asked: () => within(question, "a question for the name server").then(() => {}),
    [Symbol.asyncDispose]: async () => {
      socket.close();
      await once(socket, "close");
    },
  };
}
