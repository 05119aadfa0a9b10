import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { openDisplay } from "./display.ts";
import type { Home } from "./home.ts";
import { poll } from "./waiting.ts";

/** Claws Mail on a display of its own. */
export interface Claws extends AsyncDisposable {
  /**
   * The message of INBOX with a UID, once it has been fetched; to be called when the program has a connection. Undefined
   * when it does not come: on a busy machine it may forget what it was started for.
   */
  fetch(uid: number): Promise<string | undefined>;
}

/** What its first run would ask for. Without its folders it says that the mailbox is incomplete. */
const ACCOUNT = "account_name=work\nis_default=1\nname=Jane\naddress=jane@example.org\nprotocol=3";
const FOLDERS = [
  '<folderitem type="inbox" name="INBOX" path="INBOX"/>',
  ...["outbox", "draft", "queue", "trash"].map(
    (type) => `<folderitem type="${type}" name="${type}" path="Archive"/>`,
  ),
];

/** Milliseconds between two attempts: it does not wait for its own list of messages. And until it is given up. */
const AGAIN = 1_000;
const GIVEN_UP = 10_000;

/** Starts it at INBOX; `lines` are those of the account that make the connection. */
export async function startClaws(
  { env, path, write }: Pick<Home, "env" | "path" | "write">,
  lines: string,
): Promise<Claws> {
  write("claws/accountrc", `[Account: 1]\n${ACCOUNT}\n${lines}\n`);
  write(
    "claws/folderlist.xml",
    `<?xml version="1.0" encoding="UTF-8"?>\n<folderlist>\n<folder type="imap" name="work" account_id="1">\n${FOLDERS.join("\n")}\n</folder>\n</folderlist>\n`,
  );
  const folder = join(path, "claws");
  const { receive_server: server = "", user_id: user = "" } = Object.fromEntries(
    lines.split("\n").map((line) => line.split(/=(.*)/)),
  );
  const display = await openDisplay();
  // Another one with the same folder has the first one do it, and ends.
  const select = (what: string): void =>
    display.start(
      ["claws-mail", "--alternate-config-dir", folder, "--select", `#imap/work/INBOX${what}`],
      env,
    );
  select("");
  return {
    fetch: async (uid) => {
      const file = join(folder, "imapcache", server, user, "INBOX", String(uid));
      let asked = 0;
      const begun = performance.now();
      return poll(() => {
        if (existsSync(file)) return () => readFileSync(file, "latin1");
        const now = performance.now();
        if (now - begun > GIVEN_UP) return () => undefined;
        if (now - asked < AGAIN) return false;
        asked = now;
        select(`/${uid}`);
        return false;
      }, "a message of INBOX in its cache").then((read) => read());
    },
    [Symbol.asyncDispose]: () => display[Symbol.asyncDispose](),
  };
}
