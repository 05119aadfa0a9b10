import { readFileSync } from "node:fs";
import { join } from "node:path";
import { openDisplay } from "./display.ts";
import type { Home } from "./home.ts";

/** Thunderbird on a display of its own that nobody sees. */
export interface Thunderbird extends AsyncDisposable {
  /** Its store of a folder of the account at localhost, in mbox form; empty as long as there is none. */
  store(folder: string): string;
}

/** What keeps it from asking, and from looking for anything in the network. */
const QUIET: Readonly<Record<string, string | number | boolean>> = {
  "mail.provider.suppress_dialog_on_startup": true,
  "mail.rights.version": 1,
  "mail.spotlight.firstRunDone": true,
  "mail.shell.checkDefaultClient": false,
  "mail.spam.version": 1,
  "mail.biff.show_alert": false,
  "mailnews.start_page.enabled": false,
  "app.donation.eoy.version.viewed": 999,
  "app.update.enabled": false,
  "datareporting.policy.dataSubmissionEnabled": false,
  "network.captive-portal-service.enabled": false,
  "network.connectivity-service.enabled": false,
};

/** Starts it with a new profile; `userJs` are the lines of an account. */
export async function startThunderbird(
  home: Pick<Home, "env" | "write" | "path">,
  userJs: string,
): Promise<Thunderbird> {
  const quiet = Object.entries(QUIET).map(
    ([name, value]) => `user_pref("${name}", ${JSON.stringify(value)});`,
  );
  home.write("profile/user.js", `${quiet.join("\n")}\n${userJs}`);
  const profile = join(home.path, "profile");
  const display = await openDisplay();
  display.start(["thunderbird", "--profile", profile, "--no-remote"], home.env);
  return {
    store: (folder) => {
      try {
        return readFileSync(join(profile, "ImapMail", "localhost", folder), "latin1");
      } catch {
        return "";
      }
    },
    [Symbol.asyncDispose]: () => display[Symbol.asyncDispose](),
  };
}
