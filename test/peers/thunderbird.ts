import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Home } from "./home.ts";
import { descendantsOf, gone, signal } from "./processes.ts";
import { program } from "./programs.ts";
import { Received } from "./received.ts";

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
  // Its own way to choose a display that is free, and to say that it can be used.
  const screen = ["-screen", "0", "1280x900x24", "-nolisten", "tcp", "-displayfd", "1"];
  const display = spawn(program("Xvfb"), screen, { stdio: ["ignore", "pipe", "ignore"], cwd: "/" });
  const [, number] = await new Received(display.stdout, "Xvfb").until(/^(\d+)\n/);
  const client = spawn(program("thunderbird"), ["--profile", profile, "--no-remote"], {
    env: { ...home.env, DISPLAY: `:${number}` },
    stdio: "ignore",
    cwd: "/",
  });
  return {
    store: (folder) => {
      try {
        return readFileSync(join(profile, "ImapMail", "localhost", folder), "latin1");
      } catch {
        return "";
      }
    },
    [Symbol.asyncDispose]: async () => {
      await end(client);
      await end(display);
    },
  };
}

async function end(child: ChildProcess): Promise<void> {
  const started = descendantsOf(child.pid ?? 0);
  child.kill("SIGKILL");
  if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
  for (const pid of started) signal(pid, "SIGKILL");
  for (const pid of started) await gone(pid);
}
