import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { openDisplay } from "./display.ts";
import type { Home } from "./home.ts";
import { gone, processesMarked, signal } from "./processes.ts";

/** Evolution on a display and a session bus of its own. */
export interface Evolution extends AsyncDisposable {
  /** The messages of INBOX that it has fetched so far, each as it came. */
  fetched(): readonly string[];
}

/** What its dialogue asks for, each by the name of its field. */
export interface EvolutionAccount {
  readonly server: string;
  readonly user: string;
  readonly command: string;
  /** The "Encryption method". */
  readonly encryption: string;
}

/** What its sources call those (CamelNetworkSecurityMethod). */
const ENCRYPTION: Readonly<Record<string, string>> = {
  "No encryption": "none",
  "STARTTLS after connecting": "starttls-on-standard-port",
  "TLS on a dedicated port": "ssl-on-alternate-port",
};

/** Starts it at INBOX of an account whose id is "jane", which it keeps copies of whole. */
export async function startEvolution(
  { env, path, write }: Pick<Home, "env" | "path" | "write">,
  { server, user, command, encryption }: EvolutionAccount,
): Promise<Evolution> {
  const groups = {
    "Data Source": { DisplayName: "work", Enabled: "true", Parent: "" },
    Security: { Method: ENCRYPTION[encryption] },
    Refresh: { Enabled: "true", IntervalMinutes: "60" },
    Offline: { StaySynchronized: "true" },
    "Mail Account": { BackendName: "imapx", IdentityUid: "" },
    Authentication: { Host: server, Port: "143", User: user, Method: "" },
    "Imapx Backend": { UseShellCommand: "true", ShellCommand: command.replaceAll("\\", "\\\\") },
  };
  const source = Object.entries(groups).map(([group, keys]) =>
    [`[${group}]`, ...Object.entries(keys).map(([key, value]) => `${key}=${value}`), ""].join("\n"),
  );
  write("config/evolution/sources/jane.source", source.join("\n"));
  const display = await openDisplay();
  // Its settings stay in memory, and the machine's own network is not asked for.
  const program = ["evolution", "--force-online", "--component=mail", "folder://jane/INBOX"];
  display.start(["dbus-run-session", "--", ...program], {
    ...env,
    GSETTINGS_BACKEND: "memory",
    GTK_A11Y: "none",
  });
  const folder = join(path, "cache/evolution/mail/jane/folders/INBOX/cur");
  return {
    fetched: () => {
      try {
        const names = readdirSync(folder, { recursive: true, encoding: "utf8" });
        return names
          .filter((name) => name.includes("/"))
          .map((name) => readFileSync(join(folder, name), "latin1"));
      } catch {
        return [];
      }
    },
    [Symbol.asyncDispose]: async () => {
      await display[Symbol.asyncDispose]();
      // What the bus has started has no parent.
      const services = processesMarked(`HOME=${path}`);
      for (const pid of services) signal(pid, "SIGKILL");
      for (const pid of services) await gone(pid);
    },
  };
}
