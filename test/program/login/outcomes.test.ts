import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { wire } from "../../../src/ssh/keys/blob.ts";
import { type Agent, startAgent } from "../../peers/agent.ts";
import { type AgentServer, FAILURE, startAgentServer } from "../../peers/agent_server.ts";
import { type AskingServer, startAskingServer } from "../../peers/asking_server.ts";
import { describeForms } from "../../peers/binaries.ts";
import { type Home, makeHome, tableFor } from "../../peers/home.ts";
import { makeKey } from "../../peers/keys.ts";
import { program } from "../../peers/programs.ts";
import { makeTemporary, removeTemporary } from "../../peers/temporary.ts";
import { converse, MAIL } from "../calls/client.ts";

/** What a server takes, and whether it would take the key if it were proven. */
const SERVERS = {
  keys: ["publickey"],
  both: ["publickey", "password"],
  password: ["password"],
  questions: ["keyboard-interactive"],
  other: ["gssapi-with-mic", "hostbased"],
} as const;

/** What there is to log in with. */
type Means =
  | "refused"
  | "missing"
  | "locked"
  | "only public"
  | "agent gone"
  | "agent locked"
  | "agent says no";

const ON_TERMINAL = /hint: log in on a terminal, which asks for what it takes: preauth --login mail\.test$/m;
const PUT = /hint: put this line into ~jane\/\.ssh\/authorized_keys on 127\.0\.0\.1: ssh-ed25519 \S+/;
const ADD = /hint: add the key to an agent: ssh-add \S+locked$/m;
const START = /hint: start an agent: eval "\$\(ssh-agent\)"$/m;
const MAKE = /hint: make a key: ssh-keygen -t ed25519$/m;
const ALLOW = /hint: GSSAPI and host-based logins are not built in: /;
const UNLOCK = /hint: .*ssh-add; or unlock it: ssh-add -X$/m;
const SAY_YES = /hint: answer yes when the agent asks, or touch the key; /;
const NEW_AGENT = /hint: start an agent, and the mail client after it/;
const ALL = [ON_TERMINAL, PUT, ADD, START, MAKE, ALLOW, UNLOCK, SAY_YES, NEW_AGENT];

/** For each of them what the message says, and just these hints of all there are. */
const OUTCOMES: readonly (readonly [keyof typeof SERVERS, Means, said: RegExp, ...hints: RegExp[]])[] = [
  [
    "keys",
    "refused",
    /jane not let in \(tried ssh-ed25519 SHA256:\S+ from \S+; the server takes publickey\)/,
    PUT,
  ],
  ["both", "refused", /tried ssh-ed25519 .*; the server takes publickey, password\)/, ON_TERMINAL, PUT],
  [
    "keys",
    "missing",
    /no key to log in with as jane \(\S+nothing is missing; the server takes publickey\)/,
    MAKE,
  ],
  ["both", "missing", /no key to log in with as jane \(\S+nothing is missing; /, ON_TERMINAL],
  ["keys", "locked", /no key to log in with as jane \(\S+locked is encrypted; /, START, ADD, ON_TERMINAL],
  ["both", "locked", /no key to log in with as jane \(\S+locked is encrypted; /, START, ADD, ON_TERMINAL],
  ["keys", "only public", /no key .* \(\S+public holds only a public key; /, MAKE],
  ["keys", "agent gone", /the agent is gone: there is no /, NEW_AGENT, ON_TERMINAL],
  ["keys", "agent locked", /the agent has no keys, or is locked; /, UNLOCK, ON_TERMINAL],
  ["keys", "agent says no", /: the agent refused to sign: jane not let in \(tried /, SAY_YES],
  ["both", "agent says no", /: the agent refused to sign: jane not let in \(tried /, SAY_YES, ON_TERMINAL],
  ["password", "refused", /the server takes password\)/, ON_TERMINAL],
  ["questions", "refused", /the server takes keyboard-interactive\)/, ON_TERMINAL],
  ["other", "refused", /the server takes gssapi-with-mic, hostbased\)/, ALLOW],
  ["password", "missing", /the server takes password\)/, ON_TERMINAL],
  ["other", "missing", /the server takes gssapi-with-mic, hostbased\)/, ALLOW],
];

describeForms("a login that fails", (form) => {
  const folder = makeTemporary();
  const servers = new Map<string, AskingServer>();
  const agents: (Agent | AgentServer)[] = [];
  let refusing: AgentServer;
  let lockedAgent: Agent;
  before(async () => {
    const key = makeKey(join(folder, "refused"));
    makeKey(join(folder, "locked"), "ed25519", "secret");
    const blob = Buffer.from(key.line.split(" ")[1] ?? "", "base64");
    for (const [name, methods] of Object.entries(SERVERS)) {
      const server = await startAskingServer((attempt) => {
        const isHeld = attempt.method === "publickey" && attempt.username === "held";
        if (isHeld) attempt.accept();
        else attempt.reject([...methods] as "password"[]);
      });
      servers.set(name, server);
    }
    const list = Buffer.concat([Buffer.from([12, 0, 0, 0, 1]), wire(blob, "test")]);
    refusing = await startAgentServer(([type]) => (type === 11 ? list : FAILURE));
    lockedAgent = await startAgent();
    agents.push(refusing, lockedAgent);
    execFileSync(program("ssh-add"), ["-x"], {
      env: {
        ...process.env,
        SSH_AUTH_SOCK: lockedAgent.socket,
        SSH_ASKPASS: askpass(),
        SSH_ASKPASS_REQUIRE: "force",
      },
      stdio: "ignore",
    });
  });
  after(async () => {
    for (const one of [...servers.values(), ...agents]) await one[Symbol.asyncDispose]();
    removeTemporary(folder);
  });

  function askpass(): string {
    using home = makeHome();
    const path = join(folder, "askpass");
    execFileSync("/bin/cp", [home.write("askpass", "#!/bin/sh\necho x\n", 0o700), path]);
    return path;
  }

  const meansOf = (means: Means): { readonly identity: string; readonly agent: string | undefined } => {
    const file = join(folder, "refused");
    switch (means) {
      case "refused":
        return { identity: file, agent: undefined };
      case "missing":
        return { identity: join(folder, "nothing"), agent: undefined };
      case "locked":
        return { identity: join(folder, "locked"), agent: undefined };
      case "only public":
        return { identity: publicOnly(), agent: undefined };
      case "agent gone":
        return { identity: join(folder, "nothing"), agent: join(folder, "gone") };
      case "agent locked":
        return { identity: join(folder, "nothing"), agent: lockedAgent.socket };
      case "agent says no":
        return { identity: `${file}.pub`, agent: refusing.socket };
    }
  };

  function publicOnly(): string {
    const path = join(folder, "public");
    execFileSync("/bin/cp", [join(folder, "refused.pub"), path]);
    return path;
  }

  for (const [name, means, said, ...wanted] of OUTCOMES) {
    test(`says what to do: a server that takes ${SERVERS[name].join(", ")}, and a key that is ${means}`, async () => {
      const server = servers.get(name);
      assert.ok(server !== undefined);
      using home: Home = makeHome();
      const { identity, agent } = meansOf(means);
      const user = means === "agent says no" ? "held" : "jane";
      home.writeTable(tableFor(server, { identity, user, on_failure: "tell" }));
      const env = { ...home.env, ...(agent !== undefined && { SSH_AUTH_SOCK: agent }) };
      const { output, status } = await converse([...form.argv, ...MAIL], { env });
      assert.match(String(output).replaceAll("held", "jane"), said);
      assert.equal(status, 77);
      const log = readFileSync(home.logFile, "utf8").replaceAll("held", "jane");
      for (const hint of ALL) assert.equal(hint.test(log), wanted.includes(hint), `${hint}\n${log}`);
    });
  }
});
