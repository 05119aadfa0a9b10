import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { chmodSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { describeForms } from "../../peers/binaries.ts";
import { type Home, makeHome, tableFor } from "../../peers/home.ts";
import { hashKnownHosts, hostKeyName, type Key, makeKey } from "../../peers/keys.ts";
import { program } from "../../peers/programs.ts";
import { withoutPrivileges } from "../../peers/rights.ts";
import { type Sshd, startSshd } from "../../peers/sshd.ts";
import { makeTemporary, removeTemporary } from "../../peers/temporary.ts";
import { converse, GREETING, MAIL, refusal } from "../calls/client.ts";

/** Greets and goes. */
const OPENED = `printf '${GREETING.replace("\r\n", "\\r\\n")}'`;

/** What a case has at hand. */
interface Scene {
  readonly home: Home;
  /** `[host]:port`. */
  readonly name: string;
  /** The server's keys, and one that is not: `TYPE BASE64`. */
  readonly ed25519: string;
  readonly rsa: string;
  readonly wrong: string;
}

/** One state of known_hosts. */
interface Case {
  readonly title: string;
  /** The reason that is given; undefined where the server is known. */
  readonly reason?: RegExp;
  /** What ssh says of it. */
  readonly ssh?: RegExp;
  /** Makes the file, and gives more lines of ssh_config. */
  readonly write: (scene: Scene, file: string) => readonly string[] | undefined;
}

const UNKNOWN = { reason: /^host key unknown /, ssh: /No \S+ host key is known/ } as const;
const CHANGED = { ssh: /IDENTIFICATION HAS CHANGED/ } as const;
const REVOKED = { ssh: /REVOKED HOST KEY|revoked by file/ } as const;

function text(compose: (scene: Scene) => string): Case["write"] {
  return (scene, file) => void scene.home.write(file, compose(scene));
}

const cases: readonly Case[] = [
  { title: "a known key", write: text(({ name, ed25519 }) => `${name} ${ed25519}\n`) },
  { title: "no final newline", write: text(({ name, ed25519 }) => `# mine\n${name} ${ed25519}`) },
  {
    title: "CRLF, comments and garbage",
    write: text(({ name, rsa }) => `x\r\n# y\r\n\r\n${name} ${rsa}\r\n`),
  },
  { title: "a wildcard", write: text(({ ed25519 }) => `[127.0.0.?]:*,!*:1 ${ed25519}\n`) },
  { title: "the bare name", write: text(({ ed25519 }) => `127.0.0.1 ${ed25519}\n`) },
  {
    title: "only the RSA key of a server that has others too",
    write: text(({ name, rsa }) => `${name} ${rsa}\n`),
  },
  {
    title: "a hashed name",
    write: ({ home, name, ed25519 }, file) => {
      hashKnownHosts(home.write(file, `${name} ${ed25519}\n`));
      return undefined;
    },
  },
  {
    title: "HostKeyAlias",
    write: ({ home, ed25519 }, file) => {
      home.write(file, `work ${ed25519}\n`);
      return ["HostKeyAlias Work"];
    },
  },
  {
    title: "a second file of the user's, and one of the system's",
    write: ({ home, name, ed25519, wrong }, file) => {
      home.write(file, `other ${ed25519}\n`);
      const system = home.write("system", `${name} ${wrong}\n${name} ${ed25519}\n`);
      return [`GlobalKnownHostsFile ${join(home.path, "none")} ${system}`];
    },
  },
  { title: "nothing", ...UNKNOWN, write: text(() => "") },
  { title: "no file", ...UNKNOWN, write: () => undefined },
  { title: "another port", ...UNKNOWN, write: text(({ ed25519 }) => `[127.0.0.1]:1 ${ed25519}\n`) },
  {
    title: "a negated name",
    ...UNKNOWN,
    write: text(({ name, ed25519 }) => `*,!${name},!127.* ${ed25519}\n`),
  },
  {
    title: "a file that cannot be read",
    ...UNKNOWN,
    write: ({ home, name, ed25519 }, file) => void chmodSync(home.write(file, `${name} ${ed25519}\n`), 0),
  },
  {
    title: "another key",
    ...CHANGED,
    reason: /^host key changed \(hosts:1 has SHA256:\S+, the server offered SHA256:\S+\)/,
    write: text(({ name, wrong }) => `${name} ${wrong}\n`),
  },
  {
    title: "a key that is revoked",
    ...REVOKED,
    reason: /^host key revoked \(hosts:2 revokes ssh-ed25519 SHA256:/,
    write: text(({ name, ed25519 }) => `${name} ${ed25519}\n@revoked * ${ed25519}\n`),
  },
  {
    title: "a key that RevokedHostKeys has",
    ...REVOKED,
    reason: /^host key revoked \(\/\S+ revokes ssh-ed25519 SHA256:/,
    write: ({ home, name, ed25519 }, file) => {
      home.write(file, `${name} ${ed25519}\n`);
      return [`RevokedHostKeys ${home.write("revoked", `${ed25519}\n`)}`];
    },
  },
  {
    title: "a RevokedHostKeys that is missing",
    ssh: /Error checking host key/,
    reason: /^cannot tell whether the host key is revoked \(\/\S+ cannot be read \(ENOENT\)\)/,
    write: ({ home, name, ed25519 }, file) => {
      home.write(file, `${name} ${ed25519}\n`);
      return [`RevokedHostKeys ${join(home.path, "revoked")}`];
    },
  },
];

const folder = makeTemporary();
let sshd: Sshd;
let stranger: Key;
before(async () => {
  sshd = await startSshd({ hostKeys: ["ed25519", "rsa"], config: ["LogLevel DEBUG3"] });
  stranger = makeKey(join(folder, "stranger"));
});
after(async () => {
  await sshd.stop();
  removeTemporary(folder);
});

/** Writes what a case has, and gives the path of an ssh_config that leads to the server. */
function configure(home: Home, { write }: Case): string {
  const [ed25519 = "", rsa = ""] = sshd.hostKeys.map(({ line }) => line);
  const name = hostKeyName(sshd.host, sshd.port);
  const lines = write({ home, name, ed25519, rsa, wrong: stranger.line }, "hosts") ?? [];
  const own = [
    ...lines,
    `UserKnownHostsFile ${join(home.path, "hosts")}`,
    `GlobalKnownHostsFile ${join(home.path, "global")}`,
    ...[`Port ${sshd.port}`, `User ${sshd.user}`, `IdentityFile ${sshd.identity}`],
    ...["IdentitiesOnly yes", "BatchMode yes", "StrictHostKeyChecking yes", ""],
  ];
  return home.write("ssh_config", own.join("\n"));
}

/** What sshd has received of logins from the connections that `make` makes: messages 5, and 50 to 79. */
async function loginPackets(make: () => Promise<void>): Promise<number> {
  await sshd.idle();
  const start = sshd.log().length;
  await make();
  await sshd.idle();
  assert.match(sshd.log().slice(start), /Connection from/);
  return (
    sshd
      .log()
      .slice(start)
      .match(/receive packet: type (?:5|[567]\d)\b/g)?.length ?? 0
  );
}

for (const one of cases) {
  test(`ssh ${one.reason === undefined ? "takes" : "refuses"} a server with ${one.title} in known_hosts`, async () => {
    using home = makeHome();
    const words = [...withoutPrivileges(), program("ssh"), "-F", configure(home, one), sshd.host, "echo in"];
    const [first = "", ...rest] = words;
    const said = await new Promise<string>((resolve) => {
      execFile(first, rest, { env: home.env }, (_error, stdout, stderr) => resolve(stdout + stderr));
    });
    assert.match(said, one.ssh ?? /^in\n/);
  });
}

describeForms("known_hosts", (form) => {
  for (const one of cases) {
    const verdict = one.reason === undefined ? "opens" : "is refused, and no packet of a login leaves,";
    test(`a call ${verdict} with ${one.title}`, async () => {
      using home = makeHome();
      const config = configure(home, one);
      const keys = { ssh_config: config, known_hosts: undefined, "commands.imap": OPENED };
      home.writeTable(tableFor(sshd, keys));
      const before = contents(home);
      const packets = await loginPackets(async () => {
        const argv = [...form.argv, ...MAIL];
        const { output, status } = await converse(argv, { env: home.env, under: withoutPrivileges() });
        if (one.reason === undefined) {
          assert.equal(output.toString(), GREETING);
          assert.equal(status, 0);
          return;
        }
        const [, reason = ""] = /^\* BYE preauth: (.*)\r$/m.exec(output.toString()) ?? [];
        assert.match(reason.replace(/^\S+: /, ""), one.reason);
        assert.equal(output.toString(), refusal(reason));
        assert.equal(status, 77);
      });
      assert.equal(packets > 0, one.reason === undefined);
      assert.equal(contents(home), before);
    });
  }
});

/** What stands in known_hosts; a call never writes there. */
function contents(home: Home): string {
  try {
    return readFileSync(join(home.path, "hosts"), "latin1");
  } catch (error) {
    return String((error as NodeJS.ErrnoException).code);
  }
}
