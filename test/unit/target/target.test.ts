import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { hostname } from "node:os";
import { test } from "node:test";
import { Failure } from "../../../src/failure.ts";
import type { Decision } from "../../../src/table/decision.ts";
import { parseAnswers } from "../../../src/target/ask_ssh.ts";
import { settle, type Target } from "../../../src/target/target.ts";
import { decisionFor, settled } from "../ssh/fixtures.ts";

const TABLE = { kind: "table", path: ["host", 0, "x"] } as const;
const local = {
  uid: 4242,
  account: { user: "jd", home: "/passwd/jd" },
  home: "/home/jd",
  env: { SSH_AUTH_SOCK: "/run/agent", OTHER_SOCK: "/run/other", KEYS: "/keys" },
  homes: new Map([["ann", "/home/ann"]]),
};

/** A variable as ssh_config(5) writes it. */
function variable(name: string): string {
  return `$\{${name}}`;
}

function settleWith(
  text: string | undefined,
  keys: Partial<Decision> = {},
  destination = "mail.test",
): Target {
  return settle(decisionFor(destination, keys), text === undefined ? undefined : parseAnswers(text), local);
}

function refused(text: string, keys: Partial<Decision> = {}): Failure {
  try {
    settleWith(text, keys);
  } catch (error) {
    if (error instanceof Failure) return error;
    throw error;
  }
  throw new Error("was not refused");
}

test("without an ssh program the defaults are those of ssh(1)", () => {
  const target = settleWith(undefined, { user: undefined });
  assert.equal(target.host.value, "mail.test");
  assert.equal(target.port.value, 22);
  assert.equal(target.user.value, "jd");
  assert.equal(target.hostKeyName.value, "mail.test");
  assert.deepEqual(target.knownHosts.value, [
    "/passwd/jd/.ssh/known_hosts",
    "/passwd/jd/.ssh/known_hosts2",
    "/etc/ssh/ssh_known_hosts",
    "/etc/ssh/ssh_known_hosts2",
  ]);
  assert.equal(target.identityFiles.value[0], "/passwd/jd/.ssh/id_rsa");
  assert.equal(target.identityFiles.value.length, 5);
  assert.equal(target.identitiesOnly.value, false);
  assert.equal(target.agent.value, "/run/agent");
  assert.equal(target.compression.value, false);
  for (const { from } of [target.port, target.user, target.knownHosts, target.identityFiles]) {
    assert.equal(from.kind, "default");
  }
  assert.equal(target.host.from.kind, "table");
});

test("destination, user and port: the table, then the call, then ssh_config", () => {
  const answers = "hostname real.test\nuser joe\nport 2222\n";
  const target = settleWith(answers);
  assert.deepEqual(target.host, settled("real.test", { kind: "ssh_config" }));
  assert.deepEqual(target.user, settled("jane", { kind: "call" }));
  assert.deepEqual(target.port, settled(2222, { kind: "ssh_config" }));
  assert.equal(target.hostKeyName.value, "[real.test]:2222");
  const ours = settleWith(answers, { port: settled(99, TABLE), user: settled("ann", TABLE) });
  assert.deepEqual(ours.port, settled(99, TABLE));
  assert.deepEqual(ours.user, settled("ann", TABLE));
  assert.deepEqual(settleWith(answers, { user: undefined }).user, settled("joe", { kind: "ssh_config" }));
});

test("identity of the table replaces IdentityFile and implies IdentitiesOnly", () => {
  const target = settleWith("identityfile ~/.ssh/other\nidentitiesonly no\n", {
    identity: settled(["~/.ssh/mail", "keys/%h", "/abs/%%"], TABLE),
  });
  assert.deepEqual(target.identityFiles.value, ["/home/jd/.ssh/mail", "/home/jd/keys/mail.test", "/abs/%"]);
  assert.deepEqual(target.identitiesOnly, settled(true, TABLE));
});

test("a tilde is $HOME in the table and the password file's home in ssh_config", () => {
  const target = settleWith("identityfile ~/.ssh/a\nidentityfile ~jd/.ssh/b\nidentityfile none\n", {
    knownHosts: settled(["~/kh"], TABLE),
  });
  assert.deepEqual(target.identityFiles.value, ["/passwd/jd/.ssh/a", "/passwd/jd/.ssh/b"]);
  assert.deepEqual(target.knownHosts.value, ["/home/jd/kh"]);
});

test("every token of IdentityFile is expanded", () => {
  const tokens = "%%-%d-%h-%i-%k-%L-%l-%n-%p-%r-%u-%j";
  const answers = `hostname real.test\nport 2222\nhostkeyalias alias\nidentityfile /k/${tokens}\nidentityfile /k/%C\n`;
  const here = hostname();
  const short = here.split(".")[0];
  assert.deepEqual(settleWith(answers).identityFiles.value, [
    `/k/%-/passwd/jd-real.test-4242-alias-${short}-${here}-mail.test-2222-jane-jd-`,
    `/k/${createHash("sha1").update(`${here}real.test2222jane`).digest("hex")}`,
  ]);
});

test("an environment variable in braces is expanded, once", () => {
  const target = settleWith(`identityfile ${variable("KEYS")}/%r\n`);
  assert.deepEqual(target.identityFiles.value, ["/keys/jane"]);
  const twice = settle(decisionFor("mail.test"), parseAnswers(`identityfile ${variable("A")}\n`), {
    ...local,
    env: { A: "/%r" },
  });
  assert.deepEqual(twice.identityFiles.value, ["/%r"]);
});

for (const path of ["/k/%z", "/k/%", "~nobody-else/k", `${variable("NOT_SET")}/k`]) {
  test(`"${path}" cannot be expanded, and is refused where the table says so`, () => {
    const { trouble, what } = refused("", { identity: settled([path], TABLE) });
    assert.equal(trouble, "table");
    assert.ok(what.includes(path), what);
  });
}

test("known_hosts of ssh_config: user's files, then global ones, blanks inside, none", () => {
  const files = (text: string) => settleWith(text).knownHosts.value;
  assert.deepEqual(files("userknownhostsfile /a/my hosts /b\nglobalknownhostsfile /g\n"), [
    "/a/my hosts",
    "/b",
    "/g",
  ]);
  assert.deepEqual(files("userknownhostsfile none\nglobalknownhostsfile none\n"), []);
  assert.deepEqual(files("userknownhostsfile ~/.ssh/kh\nglobalknownhostsfile none\n"), [
    "/passwd/jd/.ssh/kh",
  ]);
});

test("HostKeyAlias is what known_hosts calls the server, whatever the port", () => {
  assert.equal(settleWith("hostname x.test\nport 99\nhostkeyalias Alias\n").hostKeyName.value, "alias");
});

test("the agent: IdentityAgent as ssh -G prints it", () => {
  const agent = (value: string) => settleWith(`identityagent ${value}\n`).agent.value;
  assert.equal(agent("none"), undefined);
  assert.equal(agent("SSH_AUTH_SOCK"), "/run/agent");
  assert.equal(agent("$OTHER_SOCK"), "/run/other");
  assert.equal(agent("$NOT_SET"), undefined);
  assert.equal(agent("/run/mine"), "/run/mine");
});

test("an IPv6 address has no brackets, but for the name with a port", () => {
  const target = settleWith(undefined, { port: settled(2222) }, "[::1]");
  assert.equal(target.host.value, "::1");
  assert.equal(target.hostKeyName.value, "[::1]:2222");
});

test("a new host key goes to the first file of the user's own, and the table's known_hosts stands for these", () => {
  const newIn = (text: string, keys: Partial<Decision> = {}) => settleWith(text, keys).newHostKeys.value;
  assert.equal(newIn("userknownhostsfile ~/.ssh/a /b\n"), "/passwd/jd/.ssh/a");
  assert.equal(newIn("userknownhostsfile none\nglobalknownhostsfile /g\n"), undefined);
  assert.equal(newIn("userknownhostsfile /b\n", { knownHosts: settled(["/c", "/d"], TABLE) }), "/c");
});

test("RevokedHostKeys names one file, or several, or none", () => {
  const files = (text: string) => settleWith(text).revokedHostKeys.value;
  assert.deepEqual(files(""), []);
  assert.deepEqual(files("revokedhostkeys none\n"), []);
  assert.deepEqual(files("revokedhostkeys ~/revoked keys /etc/ssh/revoked\n"), [
    "/passwd/jd/revoked keys",
    "/etc/ssh/revoked",
  ]);
});

test("what must not be ignored is refused", () => {
  assert.match(refused("proxycommand x\nproxyusefdpass yes\n").what, /ProxyUseFdpass yes/);
  settleWith("proxyusefdpass yes\n");
  settleWith("proxycommand none\npubkeyauthentication true\n");
});

test("what ssh_config says about TCP is kept to, none being nothing", () => {
  const { value } = settleWith(
    "bindaddress 10.0.0.1\nbindinterface eth0\nconnectionattempts 3\nconnecttimeout 7\ntcpkeepalive no\n",
  ).tcp;
  const bind = { bindAddress: "10.0.0.1", bindInterface: "eth0" };
  assert.deepEqual(value, { ...bind, attempts: 3, timeout: 7000, keepAlive: false });
  const nothing = { bindAddress: undefined, bindInterface: undefined, timeout: undefined };
  for (const text of ["connecttimeout none\nbindaddress none\n", "", undefined]) {
    assert.deepEqual(settleWith(text).tcp.value, { ...nothing, attempts: 1, keepAlive: true });
  }
});

test("KnownHostsCommand comes as words, tokens expanded and never seen by a shell", () => {
  const words = (text: string) =>
    settleWith(`port 2222\nknownhostscommand ${text}\n`).knownHostsCommand.value?.words;
  assert.deepEqual(words("/bin/keys %H %I '%r %%'"), ["/bin/keys", "[mail.test]:2222", "ORDER", "jane %"]);
  assert.deepEqual(words('/bin/k "a \\"b" c\\ d e\\f $(id)'), ["/bin/k", 'a "b', "c d", "e\\f", "$(id)"]);
  assert.equal(words("none"), undefined);
  const key = { type: "ssh-ed25519", fingerprint: "SHA256:x", text: "AAAA" };
  for (const [text, first, second] of [
    ["/bin/keys %H %p", "/bin/keys [mail.test]:2222 2222", undefined],
    ["/bin/keys %%t %%%%K", "/bin/keys %t %%K", undefined],
    ["/bin/keys %I", "/bin/keys ORDER", "/bin/keys HOSTNAME"],
    [
      "/bin/keys %t %f '%K' %%%t",
      "/bin/keys NONE NONE NONE %NONE",
      "/bin/keys ssh-ed25519 SHA256:x AAAA %ssh-ed25519",
    ],
  ] as const) {
    const { value } = settleWith(`port 2222\nknownhostscommand ${text}\n`).knownHostsCommand;
    assert.deepEqual([value?.words.join(" "), value?.about?.(key).join(" ")], [first, second]);
  }
  for (const odd of ["keys %H", "/bin/keys 'x"]) {
    const { knownHostsCommand, passedOver } = settleWith(`knownhostscommand ${odd}\n`);
    assert.deepEqual([knownHostsCommand.value, passedOver[0]?.keyword], [undefined, "KnownHostsCommand"]);
  }
  const mine = { knownHosts: settled(["/kh"], TABLE) };
  assert.equal(settleWith("knownhostscommand /bin/keys %K\n", mine).knownHostsCommand.value, undefined);
});

test("ProxyCommand comes with its tokens expanded", () => {
  const target = settleWith("hostname real.test\nproxycommand nc -X 5 %h %p # %r %%\n");
  assert.equal(target.proxyCommand.value, "nc -X 5 real.test 22 # jane %");
});

/** What every ssh on the way is started with. */
const STRICTLY =
  "ssh -o BatchMode=yes -o StrictHostKeyChecking=yes -o NoHostAuthenticationForLocalhost=no " +
  "-o VerifyHostKeyDNS=no -o UpdateHostKeys=no -o ControlMaster=no -o ControlPath=none -o ForwardAgent=no " +
  "-o ForwardX11=no -o Tunnel=no -o RemoteCommand=none";

/** A word with quotes in it, as every shell takes it. */
function inQuotes(word: string): string {
  return /['\\]/.test(word) ? word.replace(/[^\w%+=:,./@-]/g, "\\$&") : `'${word}'`;
}

test("ProxyJump is one ssh for each host on the way, none of which asks or trusts what is not known", () => {
  const command = (jump: string, keys: Partial<Decision> = {}) =>
    settleWith(`proxyjump ${jump}\nport 2222\n`, keys).proxyCommand.value;
  assert.equal(command("gate"), `${STRICTLY} -W '[mail.test]:2222' -- gate`);
  const file = "-F '/home/jd/my conf'";
  const first = `ProxyCommand=${STRICTLY} ${file} -W '[%h]:%p' -- first`;
  assert.equal(
    command("first,joe@[::1]:99", { sshConfig: settled("~/my conf") }),
    `${STRICTLY} ${file} -l joe -p 99 -o ${inQuotes(first)} -W '[mail.test]:2222' -- ::1`,
  );
  const second = `ProxyCommand=${STRICTLY} -o ${inQuotes(`ProxyCommand=${STRICTLY} -W '[%%h]:%%p' -- a`)} -W '[%h]:%p' -- b`;
  assert.equal(
    command("a,b,ssh://c:9"),
    `${STRICTLY} -p 9 -o ${inQuotes(second)} -W '[mail.test]:2222' -- c`,
  );
});

test("ProxyJump's tokens are expanded, as ssh(1) does it, and what could mean something to the shell is refused", () => {
  const jump = (value: string, keys: Partial<Decision> = {}) =>
    settleWith(`hostname 10.0.0.1\nproxyjump ${value}\n`, keys);
  const command = (value: string, keys: Partial<Decision> = {}) => jump(value, keys).proxyCommand.value;
  assert.equal(command("jane@gw-%h"), `${STRICTLY} -l jane -W '[10.0.0.1]:22' -- gw-10.0.0.1`);
  const first = `ProxyCommand=${STRICTLY} -F /100%%h -W '[%h]:%p' -- first-mail.test`;
  assert.equal(
    command("first-%n,%r@a%%b:99", { sshConfig: settled("/100%h") }),
    `${STRICTLY} -F /100%h -l jane -p 99 -o ${inQuotes(first)} -W '[10.0.0.1]:22' -- a%b`,
  );
  assert.throws(() => jump("%r@gw", { user: settled("$(id)", { kind: "call" }) }), /cannot stand/);
  for (const odd of ["-oProxyCommand=id", "a,-x", "a,,b", ":9"])
    assert.throws(() => jump(odd), /is not a list of hosts/);
});

test("a word of the call leads over no other host: ProxyJump is parted first and expanded then", () => {
  const by = (words: string, user: string) => () =>
    settleWith(`${words}\n`, { user: settled(user, { kind: "call" }) }).proxyCommand.value;
  for (const user of ["jane@localhost:2222,bob", "a,b", "x:2222", "a/b", "[x", "x,"]) {
    for (const jump of ["%r@bastion", "one,%r@bastion", "ssh://%r@bastion:22", "gw-%r", "%r"]) {
      assert.throws(by(`proxyjump ${jump}`, user), /cannot stand/, `${jump} ${user}`);
    }
    assert.throws(by("proxycommand ssh -J %r@one,two bastion", user), /cannot stand/, user);
  }
  // A user of a domain is one field, whatever stands in it; as a host it would be two.
  assert.equal(
    by("proxyjump %r@bastion", "jane@corp.com")(),
    `${STRICTLY} -l jane@corp.com -W '[mail.test]:22' -- bastion`,
  );
  assert.throws(by("proxyjump %r", "jane@corp.com"), /cannot stand/);
  const server = (host: string) => () =>
    settleWith("proxycommand nc -x proxy:1080 %h %p\n", { destination: settled(host) }).proxyCommand.value;
  assert.throws(server("evil:22:mail"), /cannot stand/);
  assert.equal(server("2001:db8::1")(), "nc -x proxy:1080 2001:db8::1 22");
});

test("a word of the call leads to no other file: a slash, a blank or dots in a path are refused", () => {
  const file = (words: string, user: string) => () => {
    const target = settleWith(`${words}\n`, { user: settled(user, { kind: "call" }) });
    return [...target.knownHosts.value, ...target.revokedHostKeys.value, target.agent.value].join(" ");
  };
  // `ssh -G` has expanded these.
  for (const key of ["userknownhostsfile", "globalknownhostsfile", "revokedhostkeys", "identityagent"]) {
    for (const [path, user] of [
      ["/home/jane/.ssh/known_../../../tmp/evil", "../../../tmp/evil"],
      ["/home/jane/.ssh/known_x /tmp/evil", "x /tmp/evil"],
      ["/home/jane/.ssh/../known", ".."],
    ] as const) {
      assert.throws(file(`${key} ${path}`, user), /cannot stand in the path/, `${key} ${user}`);
    }
    file(`${key} /home/jane/.ssh/known_jane`, "jane")();
    file(`${key} /home/jane/.ssh/known_hosts`, "x /tmp/evil")();
  }
  const kept = settleWith(
    "identityfile ~/.ssh/id_%r\ncertificatefile ~/.ssh/%r-cert\nidentityfile ~/.ssh/a\n",
    {
      user: settled("x/../../tmp/evil", { kind: "call" }),
    },
  );
  assert.deepEqual(kept.identityFiles.value, ["/passwd/jd/.ssh/a"]);
  assert.deepEqual(kept.certificateFiles.value, []);
  const table = { user: settled("../x", { kind: "call" as const }), knownHosts: settled(["known_%r"]) };
  assert.throws(() => settleWith("", table), /cannot stand in the path "known_%r"/);
});

test("a relative path is never one below the directory that a mail client is started in", () => {
  const target = settleWith("userknownhostsfile known_hosts\nidentityfile id_x\nidentityagent agent.sock\n");
  assert.equal(target.knownHosts.value[0], "/known_hosts");
  assert.deepEqual(target.identityFiles.value, ["/id_x"]);
  assert.equal(target.agent.value, undefined);
});

test("what the call says never means anything to ProxyCommand's shell", () => {
  for (const user of ["$HOME", "a b", "x*"]) {
    assert.match(
      refused("proxycommand nc %r\n", { user: settled(user, { kind: "call" }) }).what,
      /cannot stand/,
    );
  }
  settleWith("proxycommand nc %h\n", { user: settled("$HOME", { kind: "call" }) });
});

test("what ssh_config does not change is a default, where the baseline is known", () => {
  const plain = "user jd\nport 22\nidentityfile ~/.ssh/id_rsa\ncompression no\nhostname mail.test\n";
  const changed = plain.replace("compression no", "compression yes");
  const target = settle(
    decisionFor("mail.test", { user: undefined }),
    parseAnswers(changed),
    local,
    parseAnswers(plain),
  );
  assert.equal(target.port.from.kind, "default");
  assert.equal(target.user.from.kind, "default");
  assert.equal(target.identityFiles.from.kind, "default");
  assert.equal(target.compression.from.kind, "ssh_config");
  const more = settle(
    decisionFor("mail.test"),
    parseAnswers("identityfile ~/.ssh/id_rsa\nidentityfile ~/x\n"),
    local,
    parseAnswers(plain),
  );
  assert.equal(more.identityFiles.from.kind, "ssh_config");
});

test("what may be tried is what ssh_config prefers, less what it turns off", () => {
  const methods = (text: string | undefined) => settleWith(text).methods.value;
  const all = ["publickey", "keyboard-interactive", "password"];
  assert.deepEqual(methods(undefined), all);
  assert.deepEqual(methods("pubkeyauthentication true\nkbdinteractiveauthentication yes\n"), all);
  assert.deepEqual(methods("preferredauthentications gssapi-with-mic,password,publickey\n"), [
    "password",
    "publickey",
  ]);
  assert.deepEqual(methods("pubkeyauthentication false\npasswordauthentication no\n"), [
    "keyboard-interactive",
  ]);
  assert.deepEqual(methods("kbdinteractiveauthentication no\n"), ["publickey", "password"]);
  assert.deepEqual(methods("challengeresponseauthentication no\n"), ["publickey", "password"]);
  assert.equal(settleWith("numberofpasswordprompts 5\n").passwordPrompts.value, 5);
});

test("the agent's variable is known, and who kept it", () => {
  const within = (env: Record<string, string>, text = "identityagent SSH_AUTH_SOCK\n") =>
    settle(decisionFor("imap.example.org"), parseAnswers(text), { ...local, env }).agentVariable.value;
  assert.deepEqual(within({ SSH_AUTH_SOCK: "/a" }), { name: "SSH_AUTH_SOCK", keptBy: undefined });
  assert.deepEqual(within({ TMUX: "/tmp/tmux-0/default,1,0" })?.keptBy, "tmux");
  assert.deepEqual(within({ STY: "1.pts-0" })?.keptBy, "screen");
  assert.equal(within({}, "identityagent /run/agent\n"), undefined);
  assert.equal(within({}, "identityagent $OTHER\n")?.name, "OTHER");
});

test("ways in that there are not are passed over with what to do instead, where somebody has chosen them", () => {
  const chosen = (text: string) =>
    settleWith(text).passedOver.map(({ keyword, why }) => `${keyword}: ${why}`);
  assert.deepEqual(chosen("pkcs11provider /usr/lib/opensc.so\nhostbasedauthentication yes\n"), [
    "PKCS11Provider: not built in (doc/ssh.md); ssh-add -s puts a token's keys into an agent",
    "HostbasedAuthentication: not built in (doc/ssh.md); the server must accept another login",
  ]);
  assert.deepEqual(chosen("pkcs11provider none\nhostbasedauthentication no\ngssapiauthentication yes\n"), []);
});

test("a key or certificate whose path means nothing is passed over, and the others are kept", () => {
  const text = "identityfile ~ann/a\nidentityfile ~bob/b\nidentityfile %Z\ncertificatefile ~bob/c\n";
  const { identityFiles, certificateFiles, passedOver } = settleWith(text);
  assert.deepEqual(identityFiles.value, ["/home/ann/a"]);
  assert.deepEqual(certificateFiles.value, []);
  assert.deepEqual(
    passedOver.map(({ keyword, why }) => `${keyword} ${why}`),
    [
      'IdentityFile unknown user "bob", as in "~bob/b"',
      'IdentityFile unknown token "%Z", as in "%Z"',
      'CertificateFile unknown user "bob", as in "~bob/c"',
    ],
  );
});
