import type { Form } from "../../peers/binaries.ts";
import { type ImapClient, imapClient } from "../../peers/imap_client.ts";
import { freePort } from "../../unit/forwards/fixtures.ts";
import { type Scene, type SceneOptions, startScene } from "../master/shared_home.ts";

export interface InboxOptions extends SceneOptions {
  /** Where it listens; default: a free port. */
  readonly listen?: string;
  /** More lines of the [[forward]]. */
  readonly lines?: string;
  readonly method?: string;
}

/** A scene with a [[forward]] to a METHOD, which is up when `up` has resolved. */
export interface InboxScene extends AsyncDisposable {
  readonly scene: Scene;
  readonly place: number | string;
  /** Has --forward bring it up, for 20 seconds of nobody. */
  up(...words: readonly string[]): Promise<string>;
  /** A client of the forward. */
  client(): Promise<ImapClient>;
  /** The same, greeted. */
  greeted(): Promise<ImapClient>;
}

export const GREETED = /^\* PREAUTH [^\r\n]*\r\n/;

export async function inboxScene(form: Form, options: InboxOptions = {}): Promise<InboxScene> {
  const { listen, lines = "", method = "imap", ...rest } = options;
  const place = listen ?? (await freePort());
  const forward = `[[forward]]\nname = "inbox"\nlisten = ${JSON.stringify(place)}\nmethod = "${method}"\nvia = "mail.test"\n${lines}\n`;
  const scene = await startScene(form, { ...rest, table: forward + (options.table ?? "") });
  const client = (): Promise<ImapClient> => imapClient(place);
  return {
    scene,
    place,
    client,
    greeted: async () => {
      const one = await client();
      await one.until(GREETED);
      return one;
    },
    up: async (...words) => {
      const all = words.length > 0 ? words : ["--for", "20s"];
      const { status, output, stderr } = await scene.run("--forward", "mail.test", ...all);
      if (status !== 0) throw new Error(`${status}: ${stderr}\n${scene.home.log()}`);
      return output.toString();
    },
    [Symbol.asyncDispose]: () => scene[Symbol.asyncDispose](),
  };
}
