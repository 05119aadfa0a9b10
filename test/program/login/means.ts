import { execFileSync } from "node:child_process";
import { chmodSync, copyFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { AuthContext } from "ssh2";
import { wire } from "../../../src/ssh/keys/blob.ts";
import { type Agent, startAgent } from "../../peers/agent.ts";
import { type AgentServer, FAILURE, startAgentServer } from "../../peers/agent_server.ts";
import { type AskingServer, startAskingServer } from "../../peers/asking_server.ts";
import { makeKey } from "../../peers/keys.ts";
import { program } from "../../peers/programs.ts";
import { makeTemporary, removeTemporary } from "../../peers/temporary.ts";

/** What a server takes. It takes nothing that is proven, but would have a key of the user "held" proven. */
export const SERVERS = {
  keys: ["publickey"],
  both: ["publickey", "password"],
  password: ["password"],
  questions: ["keyboard-interactive"],
  other: ["gssapi-with-mic", "hostbased"],
} as const;

export type ServerName = keyof typeof SERVERS;

/** What there is to log in with. */
export type Means =
  | "refused"
  | "missing"
  | "locked"
  | "only public"
  | "without its private half"
  | "open to others"
  | "agent gone"
  | "agent empty"
  | "agent refused"
  | "agent for others"
  | "agent locked"
  | "agent says no";

/** The servers, keys and agents of the outcomes of a login. */
export interface Stage extends AsyncDisposable {
  server(name: ServerName): AskingServer;
  meansOf(means: Means): { readonly identity: string; readonly agent: string | undefined };
}

export async function setStage(): Promise<Stage> {
  const folder = makeTemporary();
  const key = makeKey(join(folder, "refused"));
  // One round: it is tried often.
  const words = ["-q", "-t", "ed25519", "-a", "1", "-N", "secret", "-f", join(folder, "locked")];
  execFileSync(program("ssh-keygen"), words);
  copyFileSync(join(folder, "refused.pub"), join(folder, "public"));
  copyFileSync(join(folder, "refused.pub"), join(folder, "lost.pub"));
  copyFileSync(join(folder, "refused"), join(folder, "open"));
  chmodSync(join(folder, "open"), 0o644);
  const servers = new Map<string, AskingServer>();
  for (const [name, methods] of Object.entries(SERVERS)) {
    servers.set(name, await startAskingServer((attempt) => decide(attempt, methods)));
  }
  const blob = Buffer.from(key.line.split(" ")[1] ?? "", "base64");
  const list = Buffer.concat([Buffer.from([12, 0, 0, 0, 1]), wire(blob, "test")]);
  const refusing: AgentServer = await startAgentServer(([type]) => (type === 11 ? list : FAILURE));
  const locked = await startAgent();
  lock(locked, folder);
  const empty = await startAgent();
  const full = await startAgent([join(folder, "refused")]);
  const bound = await startAgent();
  bind(bound, folder);
  const at = (name: string, agent?: string) => ({ identity: join(folder, name), agent });
  const means: Readonly<Record<Means, ReturnType<typeof at>>> = {
    refused: at("refused"),
    missing: at("nothing"),
    locked: at("locked"),
    "only public": at("public"),
    "without its private half": at("lost"),
    "open to others": at("open"),
    "agent gone": at("nothing", join(folder, "gone")),
    "agent locked": at("nothing", locked.socket),
    "agent empty": at("nothing", empty.socket),
    "agent refused": at("refused.pub", full.socket),
    "agent for others": at("refused.pub", bound.socket),
    "agent says no": at("refused.pub", refusing.socket),
  };
  return {
    server: (name) => {
      const server = servers.get(name);
      if (server === undefined) throw new Error(`no server ${name}`);
      return server;
    },
    meansOf: (name) => means[name],
    [Symbol.asyncDispose]: async () => {
      for (const one of [...servers.values(), refusing, locked, empty, full, bound])
        await one[Symbol.asyncDispose]();
      removeTemporary(folder);
    },
  };
}

function decide(attempt: AuthContext, methods: readonly string[]): void {
  const reject = () => attempt.reject([...methods] as "password"[]);
  const isHeld = attempt.method === "publickey" && attempt.username === "held";
  if (attempt.method === "keyboard-interactive") attempt.prompt([{ prompt: "Code: ", echo: false }], reject);
  else if (isHeld) attempt.accept();
  else reject();
}

/** As ssh-add -x does with a password, which it asks a program for. */
function lock({ socket }: Agent, folder: string): void {
  const askpass = join(folder, "askpass");
  writeFileSync(askpass, "#!/bin/sh\necho x\n", { mode: 0o700 });
  const env = {
    ...process.env,
    SSH_AUTH_SOCK: socket,
    SSH_ASKPASS: askpass,
    SSH_ASKPASS_REQUIRE: "force",
  };
  execFileSync(program("ssh-add"), ["-x"], { env, stdio: "ignore" });
}

/** The refused key, for another host only. */
function bind({ socket }: Agent, folder: string): void {
  const known = join(folder, "others");
  writeFileSync(known, `news.test ${makeKey(join(folder, "other")).line}\n`);
  execFileSync(program("ssh-add"), ["-q", "-H", known, "-h", "news.test", join(folder, "refused")], {
    env: { ...process.env, SSH_AUTH_SOCK: socket },
    stdio: "ignore",
  });
}

/** Every hint there is, by a name. */
export const HINTS = {
  onTerminal: /hint: log in on a terminal, where preauth can ask: preauth --login \S+$/m,
  put: /hint: put this line into ~jane\/\.ssh\/authorized_keys on 127\.0\.0\.1: ssh-ed25519 \S+/,
  add: /hint: add the key to an agent: ssh-add \S+locked$/m,
  start: /hint: start an agent: eval "\$\(ssh-agent\)"$/m,
  make: /hint: make a key: ssh-keygen -t ed25519$/m,
  notBuilt: /hint: GSSAPI and host-based logins are not built in \(doc\/ssh\.md\): /,
  unlock: /hint: .*ssh-add; or unlock it: ssh-add -X$/m,
  sayYes: /hint: answer yes when the agent asks, or touch the key; /,
  addForHost: /hint: add it for this host, with a -h for each .* ssh-add (-H \S+ )?-h \S+ KEYFILE$/m,
  takeNew: /hint: take the new one: eval "\$\(tmux show-environment -s SSH_AUTH_SOCK\)"$/m,
  newAgent: /hint: start an agent, and the mail client after it: eval "\$\(ssh-agent\)" && ssh-add$/m,
  newAgentHere: /hint: start an agent: eval "\$\(ssh-agent\)" && ssh-add$/m,
  namePrivate: /hint: name the file of the private key, or load that key into the agent$/m,
  copyPrivate: /hint: only its \.pub file is there: copy the private key to its place$/m,
  close: /hint: close it: chmod 600 \S+open$/m,
  check: /hint: check what was typed, and the user name; this asks the same: ssh \S.*$/m,
  askForKeys: /hint: ask the server's administrator to allow public keys$/m,
  tryOpening: /hint: try to open it by hand: ssh-keygen -y -f \S+locked$/m,
} as const;

export type Hint = keyof typeof HINTS;

/** The hints that stand in a text. */
export function hintsIn(text: string): readonly Hint[] {
  return (Object.keys(HINTS) as Hint[]).filter((name) => HINTS[name].test(text)).sort();
}
