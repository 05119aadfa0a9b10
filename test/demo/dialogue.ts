import { type Call, startCall } from "../peers/call.ts";
import type { Home } from "../peers/home.ts";
import { page } from "./page.ts";

/** An IMAP client by hand, which prints what is said. */
export class Dialogue {
  readonly #call: Call;
  #printed = 0;
  #tag = 0;

  constructor(call: Call) {
    this.#call = call;
  }

  /** Waits for the greeting. */
  async greeting(): Promise<void> {
    await this.#call.readUntil(/^\* .*\r\n/);
    this.#print(false);
  }

  /** Sends a command and waits for its tagged answer; gives all that came. */
  async command(command: string, whole = false): Promise<string> {
    const tag = `A${++this.#tag}`;
    page.said("C", `${tag} ${command}`);
    this.#call.write(`${tag} ${command}\r\n`);
    await this.#call.readUntil(new RegExp(`^${tag} .*\r\n`, "m"));
    return this.#print(whole);
  }

  #print(whole: boolean): string {
    const news = this.#call.output.toString("latin1").slice(this.#printed);
    this.#printed += news.length;
    for (const line of news.trimEnd().split("\r\n")) page.said("S", line, whole);
    return news;
  }
}

/** Milliseconds from the start of a program to its greeting, once; the mailbox is then closed in order. */
export async function timeToGreeting(argv: readonly string[], home: Home): Promise<number> {
  await using call = await startCall(argv, { env: home.env });
  await call.readUntil(/^\* PREAUTH .*\r\n/);
  const time = performance.now() - call.started;
  call.write("A1 LOGOUT\r\n");
  await call.readUntil(/^A1 OK .*\r\n/m);
  await call.finished();
  return time;
}
