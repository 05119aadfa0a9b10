import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { createPrivateKey } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import ssh2 from "ssh2";
import { fieldsOf, wire } from "../../../src/ssh/keys/blob.ts";
import { signWith } from "../../../src/ssh/keys/identity_file.ts";
import { type Agent, startAgent } from "../../peers/agent.ts";
import { FAILURE, startAgentServer } from "../../peers/agent_server.ts";
import { describeForms } from "../../peers/binaries.ts";
import { runCall } from "../../peers/call.ts";
import { type Home, type HostLines, makeHome, tableFor } from "../../peers/home.ts";
import { hostKeyName, makeKey } from "../../peers/keys.ts";
import { program } from "../../peers/programs.ts";
import { startSecurityKeyAgent } from "../../peers/sk_agent.ts";
import { type Sshd, startSshd } from "../../peers/sshd.ts";
import { converse, GREETING, MAIL } from "../calls/client.ts";

/** Failure in the protocol, in its extensions, and in two older ones (authfd.c of OpenSSH). */
const FAILURES = [5, 28, 30, 102];

describeForms("the agent's dialogue", (form) => {
  let sshd: Sshd;
  let home: Home;
  before(async () => {
    sshd = await startSshd();
  });
  after(() => sshd.stop());

  const write = (keys: HostLines = {}) => {
    home = makeHome();
    const command = { "commands.imap": `cat '${home.write("said", GREETING)}'` };
    home.writeTable(
      tableFor(sshd, { identity: `${sshd.identity}.pub`, on_failure: "tell", ...command, ...keys }),
    );
    return home;
  };
  const call = async (agent: { readonly socket: string }) => {
    const { output, status } = await converse([...form.argv, ...MAIL], {
      env: { ...home.env, SSH_AUTH_SOCK: agent.socket },
    });
    return { said: String(output), status };
  };
  const opens = async (agent: { readonly socket: string }) => {
    const { said } = await call(agent);
    assert.ok(said.startsWith(GREETING), said);
  };
  const add = (agent: Agent, ...words: readonly string[]) =>
    execFileSync(program("ssh-add"), ["-q", "-H", sshd.knownHosts, ...words], {
      env: { ...process.env, SSH_AUTH_SOCK: agent.socket },
      stdio: "ignore",
    });
  const name = () => hostKeyName(sshd.host, sshd.port);

  test("opens the door with a key for this host only, step by step, early, and shared", async () => {
    await using agent = await startAgent();
    add(agent, "-h", name(), sshd.identity);
    for (const share of [false, true]) {
      using _ = write({ share });
      await opens(agent);
      await opens(agent);
    }
  });

  test("opens the door with a key for the hosts of an authority, of which this is one", async () => {
    using _ = write();
    const authority = makeKey(join(home.path, "authority"));
    const key = makeKey(join(home.path, "host"));
    const words = ["-q", "-s", authority.path, "-I", "x", "-h", "-n", "mail.test", `${key.path}.pub`];
    execFileSync(program("ssh-keygen"), words);
    const config = [`HostKey ${key.path}`, `HostCertificate ${key.path}-cert.pub`];
    await using server = await startSshd({ hostKeys: [], config });
    // The agent holds the name against those in the certificate, which have no ports.
    const known = home.write("known", `@cert-authority mail.test ${authority.line}\n`);
    await using agent = await startAgent();
    add(agent, "-H", known, "-h", "mail.test", server.identity);
    home.writeTable(
      tableFor(server, {
        ...{ identity: `${server.identity}.pub`, known_hosts: known, on_failure: "tell" },
        ssh_config: home.write("alias", "Host *\n HostKeyAlias mail.test\n"),
        "commands.imap": `cat '${home.path}/said'`,
      }),
    );
    await opens(agent);
    await opens(agent);
  });

  /** Types the line of the log's last hint into a shell. */
  const typeLine = (agent: Agent, key: string) => {
    const [, line = ""] = [...home.log().matchAll(/hint: add it for .*: (ssh-add .*)/g)].at(-1) ?? [];
    execFileSync("/bin/sh", ["-c", line.replace("KEYFILE", `'${key}'`)], {
      env: { ...process.env, SSH_AUTH_SOCK: agent.socket },
      stdio: "ignore",
    });
    return line;
  };

  test("keeps a key for other hosts back, and the line that the log gives lets it be used", async () => {
    using _ = write();
    await using agent = await startAgent();
    await using other = await startSshd();
    add(agent, "-H", other.knownHosts, "-h", hostKeyName(other.host, other.port), sshd.identity);
    const logins = sshd.log().length;
    const { said, status } = await call(agent);
    assert.match(said, /no key to log in with as \S+ \(the agent keeps one key for other hosts/);
    assert.equal(status, 77);
    assert.doesNotMatch(sshd.log().slice(logins), /publickey/);
    typeLine(agent, sshd.identity);
    await opens(agent);
  });

  test("gives a line that works however known_hosts vouches for the host, to ssh as well", async () => {
    using keys = write();
    const authority = makeKey(join(keys.path, "authority"));
    const key = makeKey(join(keys.path, "host"));
    const words = [
      "-q",
      "-s",
      authority.path,
      "-I",
      "x",
      "-h",
      "-n",
      "127.0.0.1,mail.test",
      `${key.path}.pub`,
    ];
    execFileSync(program("ssh-keygen"), words);
    const files = [`HostKey ${key.path}`, `HostCertificate ${key.path}-cert.pub`];
    await using certified = await startSshd({ hostKeys: [], config: files });
    const own = readFileSync(sshd.knownHosts, "utf8").replace(/^\S+ /, "");
    const states: readonly (readonly [server: Sshd, known: string, alias: string, line: RegExp])[] = [
      [sshd, `127.0.0.1 ${own}`, "", /-h 127\.0\.0\.1 KEYFILE$/],
      [sshd, `*.test,[127.*]:* ${own}`, "", /-h '\[127\.0\.0\.1\]:\d+' KEYFILE$/],
      [sshd, `mail.test ${own}`, "mail.test", /-h mail\.test KEYFILE$/],
      [certified, `@cert-authority * ${authority.line}`, "", /-h 127\.0\.0\.1 KEYFILE$/],
      [certified, `@cert-authority 127.0.0.1 ${authority.line}`, "", /-h 127\.0\.0\.1 KEYFILE$/],
      [certified, `@cert-authority mail.test ${authority.line}`, "mail.test", /-h mail\.test KEYFILE$/],
      // The agent holds what it was given as -h against names without a port.
      [certified, `@cert-authority [127.0.0.1]:* ${authority.line}`, "", /^ssh-add KEYFILE$/],
    ];
    for (const [server, known, alias, expected] of states) {
      using _ = write();
      await using agent = await startAgent();
      const others = home.write("others", `news.test ${authority.line}\n`);
      add(agent, "-H", others, "-h", "news.test", server.identity);
      const lines = alias === "" ? "" : `Host *\n HostKeyAlias ${alias}\n`;
      const [file, ssh_config] = [home.write("known", `${known}\n`), home.write("alias", lines)];
      home.writeTable(
        tableFor(server, {
          ...{ identity: `${server.identity}.pub`, known_hosts: file, ssh_config, on_failure: "tell" },
          "commands.imap": `cat '${home.path}/said'`,
        }),
      );
      assert.match((await call(agent)).said, /the agent keeps one key for other hosts/);
      assert.match(typeLine(agent, server.identity), expected, known);
      await opens(agent);
      const options = ["BatchMode=yes", `UserKnownHostsFile=${file}`, "IdentitiesOnly=yes"];
      const typed = ["-F", ssh_config, ...options.flatMap((one) => ["-o", one])];
      const to = ["-i", `${server.identity}.pub`, "-p", String(server.port), `${server.user}@${server.host}`];
      execFileSync(program("ssh"), [...typed, ...to, "true"], {
        env: { ...process.env, SSH_AUTH_SOCK: agent.socket },
        stdio: "ignore",
      });
    }
  });

  test("asks once whether a key may be used, also where the login would be an early one", async () => {
    for (const share of [false, true]) {
      using _ = write({ share });
      const answer = home.write("answer", "0");
      const asked = home.write("asked", "");
      const script = `#!/bin/sh\necho asked >>'${asked}'\nexit $(cat '${answer}')\n`;
      const environment = {
        SSH_ASKPASS: home.write("askpass", script, 0o700),
        SSH_ASKPASS_REQUIRE: "force",
        DISPLAY: ":9",
      };
      await using agent = await startAgent([], environment);
      add(agent, "-c", sshd.identity);
      await opens(agent);
      await runCall([...form.argv, "--stop", "--now"], { env: home.env });
      home.write("answer", "1");
      home.write("asked", "");
      const { said, status } = await call(agent);
      assert.match(said, /^\* NO preauth: mail\.test: the agent refused to sign: \S+ not let in/);
      assert.equal(status, 77);
      assert.equal(readFileSync(asked, "utf8"), "asked\n");
      assert.match(home.log(), /hint: answer yes when the agent asks/);
      assert.doesNotMatch(home.log(), /authorized_keys/);
      home.write("answer", "0");
      await opens(agent);
    }
  });

  test("takes every code of failure for a no, and one about sessions for no obstacle", async () => {
    const key = ssh2.utils.parseKey(readFileSync(sshd.identity));
    if (key instanceof Error) throw key;
    const own = createPrivateKey(key.getPrivatePEM());
    const list = Buffer.concat([
      Buffer.from([12, 0, 0, 0, 1]),
      wire(key.getPublicSSH(), "test"),
      Buffer.from("what is behind the keys is passed over"),
    ]);
    for (const code of FAILURES) {
      const failure = Buffer.from([code]);
      for (const refusesTo of code === 102 ? ["bind", "sign", "list"] : ["bind", "sign"]) {
        using _ = write();
        await using agent = await startAgentServer((request) => {
          if (request[0] === 27) return refusesTo === "sign" ? Buffer.from([6]) : failure;
          if (request[0] === 11) return refusesTo === "list" ? failure : list;
          if (request[0] !== 13 || refusesTo === "sign") return failure;
          const [, data = Buffer.alloc(0)] = fieldsOf(request.subarray(1), 2) ?? [];
          return Buffer.concat([Buffer.from([14]), wire(signWith(own, data, "ssh-ed25519"))]);
        });
        const { said } = await call(agent);
        if (refusesTo === "bind") assert.ok(said.startsWith(GREETING), said);
        else assert.match(said, new RegExp(`the agent refused to ${refusesTo}`));
      }
    }
  });

  test("does not ask twice for a touch that nobody gives", async () => {
    using _ = write();
    let touched = true;
    await using agent = await startSecurityKeyAgent("sk-ssh-ed25519@openssh.com", () => touched);
    await using server = await startSshd({ authorized: [agent.line] });
    home.writeTable(
      tableFor(server, {
        identity: home.write("sk.pub", `${agent.line}\n`),
        on_failure: "tell",
        "commands.imap": `cat '${home.path}/said'`,
      }),
    );
    await opens(agent);
    touched = false;
    const before = agent.requests();
    assert.match((await call(agent)).said, /the agent refused to sign/);
    assert.equal(agent.requests() - before, 1);
  });

  test("goes over the host that an agent was forwarded from, with a key for that way only", async () => {
    using _ = write({ identity: undefined });
    await using first = await startSshd();
    await using agent = await startAgent();
    const known = home.write(
      "known",
      readFileSync(sshd.knownHosts, "utf8") + readFileSync(first.knownHosts, "utf8"),
    );
    const hop = hostKeyName(first.host, first.port);
    const ways = ["-h", hop, "-h", `${hop}>${name()}`];
    add(agent, "-H", known, ...ways, first.identity);
    const own = makeKey(join(home.path, "unused"));
    add(agent, "-H", known, ...ways, sshd.identity, own.path);
    const env = Object.entries(home.env).map(([variable, value]) => `'${variable}=${value}'`);
    const words = [...form.argv, ...MAIL].map((word) => `'${word}'`);
    const script = home.write("there", `exec env ${env.join(" ")} ${words.join(" ")}\n`);
    const said = () =>
      execFileSync(
        program("ssh"),
        [
          ...["-F", "none", "-A", "-o", `UserKnownHostsFile=${first.knownHosts}`, "-o", "BatchMode=yes"],
          ...["-i", first.identity, "-o", "IdentitiesOnly=yes"],
          ...["-p", String(first.port), `${first.user}@${first.host}`, `sh ${script}`],
        ],
        { env: { ...process.env, SSH_AUTH_SOCK: agent.socket }, encoding: "utf8", input: "A7 LOGOUT\r\n" },
      );
    for (const kind of ["step by step", "early"]) assert.ok(said().startsWith(GREETING), kind);
    assert.match(home.log(), /open after/);
  });

  test("leaves out what names the host where ssh_config says so", async () => {
    using _ = write();
    const config = home.write("ssh_config", "Host *\n PubkeyAuthentication unbound\n");
    home.writeTable(
      tableFor(sshd, {
        ...{ identity: `${sshd.identity}.pub`, ssh_config: config },
        "commands.imap": `cat '${home.path}/said'`,
      }),
    );
    await using agent = await startAgent([sshd.identity]);
    await opens(agent);
  });

  test("tells an agent that lists nothing but what makes no sense", async () => {
    using _ = write();
    await using agent = await startAgentServer(([type]) =>
      type === 11 ? Buffer.from([12, 0, 0, 0, 9]) : FAILURE,
    );
    assert.match((await call(agent)).said, /does not speak the agent's protocol/);
  });
});
