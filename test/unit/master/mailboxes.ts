import { PassThrough } from "node:stream";
import type { Placed } from "../../../src/master/spare_command.ts";
import { Remarks } from "../../../src/session/remarks.ts";
import type { Exit, RemoteCommand } from "../../../src/ssh/channel/remote_command.ts";
import { Received } from "../../peers/received.ts";

/** A remote imapd without a server, at the end where it is used; what it says and hears is for the test. */
export class Mailbox implements RemoteCommand {
  readonly stdin = new PassThrough();
  readonly stdout = new PassThrough();
  readonly stderr = new PassThrough();
  readonly heard = new Received(this.stdin, "what the mailbox heard");
  readonly ended: Promise<Exit>;
  /** Whether it was hung up. */
  isLeft = false;
  #end: (exit: Exit) => void = () => {};

  constructor() {
    this.ended = new Promise((resolve) => {
      this.#end = resolve;
    });
  }

  say(text: string): void {
    this.stdout.write(text);
  }

  /** As a remote command's: after all that it has said. */
  end(exit: Exit = { kind: "status", status: 0 }): void {
    this.stdout.once("end", () => this.#end(exit));
    this.stdout.end();
    this.stdout.resume();
  }

  hangUp(): void {
    this.isLeft = true;
    this.#end({ kind: "lost", why: "hung up" });
  }
}

/** A mailbox with its greeting read, on a connection of which only the signs of life are known. */
export function placed(mailbox: RemoteCommand, liveness: object = ALIVE): Placed {
  const first = [Buffer.from("* PREAUTH hello\r\n"), Buffer.alloc(0)];
  return { remote: mailbox, first, remarks: new Remarks(() => {}), on: { liveness } as Placed["on"] };
}

/** A connection that answers. */
export const ALIVE = { isFresh: true, silentFor: async () => false };

/** Lets everything happen that waits for nothing. */
export async function settled(): Promise<void> {
  for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve));
}
