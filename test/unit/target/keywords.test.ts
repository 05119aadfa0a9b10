import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { parseAnswers, type RawAnswers } from "../../../src/target/ask_ssh.ts";
import { HARMLESS, HONOURED, REFUSED } from "../../../src/target/keywords.ts";
import { settle, type Target } from "../../../src/target/target.ts";
import { program } from "../../peers/programs.ts";
import { makeTemporary, removeTemporary } from "../../peers/temporary.ts";
import { decisionFor, settled } from "../ssh/fixtures.ts";

const folder = makeTemporary();
after(() => removeTemporary(folder));

/** Every keyword of ssh_config(5) up to OpenSSH 10.5, each with a value that is not the default. */
const EVERY = `
IgnoreUnknown *
AddKeysToAgent confirm 5m
AddressFamily inet
BatchMode yes
BindAddress 127.0.0.2
BindInterface lo
CanonicalDomains example.org
CanonicalizeFallbackLocal no
CanonicalizeHostname no
CanonicalizeMaxDots 3
CanonicalizePermittedCNAMEs *.a.example:*.b.example
CASignatureAlgorithms ssh-ed25519
CertificateFile ~/.ssh/cert.pub
ChannelTimeout session=5m
CheckHostIP yes
Ciphers aes256-ctr
ClearAllForwardings no
Compression yes
ConnectionAttempts 3
ConnectTimeout 7
ControlMaster auto
ControlPath ~/.ssh/%C
ControlPersist 10m
DynamicForward 1080
EnableEscapeCommandline yes
EnableSSHKeysign yes
EscapeChar ^A
ExitOnForwardFailure yes
FingerprintHash md5
ForkAfterAuthentication yes
ForwardAgent yes
ForwardX11 yes
ForwardX11Timeout 5
ForwardX11Trusted no
GatewayPorts yes
GlobalKnownHostsFile /etc/other
GSSAPIAuthentication yes
GSSAPIClientIdentity a
GSSAPIDelegateCredentials yes
GSSAPIKexAlgorithms gss-group16-sha512-
GSSAPIKeyExchange yes
GSSAPIRenewalForcesRekey yes
GSSAPIServerIdentity b
GSSAPITrustDns yes
HashKnownHosts yes
HostbasedAcceptedAlgorithms ssh-ed25519
HostbasedAuthentication yes
HostKeyAlgorithms ssh-ed25519
HostKeyAlias other
HostName real.example
IdentitiesOnly yes
IdentityAgent /run/agent
IdentityFile ~/.ssh/other
IPQoS throughput
KbdInteractiveAuthentication no
KbdInteractiveDevices pam
KexAlgorithms curve25519-sha256
KnownHostsCommand /bin/keys %H
LocalCommand id
LocalForward 2025 mail:25
LogLevel DEBUG
LogVerbose kex.c:*:1000
MACs hmac-sha2-256
NoHostAuthenticationForLocalhost yes
NumberOfPasswordPrompts 1
ObscureKeystrokeTiming no
PasswordAuthentication no
PermitLocalCommand yes
PermitRemoteOpen mail:25
PKCS11Provider /usr/lib/token.so
Port 2222
PreferredAuthentications publickey
ProxyUseFdpass yes
PubkeyAcceptedAlgorithms ssh-ed25519
PubkeyAuthentication yes
RekeyLimit 1M 5m
RemoteCommand id
RemoteForward 9000 mail:25
RequestTTY force
RequiredRSASize 3072
RevokedHostKeys /etc/revoked
SecurityKeyProvider /usr/lib/sk.so
SendEnv LC_*
ServerAliveCountMax 2
ServerAliveInterval 5
SessionType none
SetEnv A=b
StdinNull yes
StreamLocalBindMask 0077
StreamLocalBindUnlink yes
StrictHostKeyChecking no
SyslogFacility LOCAL0
Tag mail
TCPKeepAlive no
Tunnel yes
TunnelDevice 1:2
UpdateHostKeys yes
User joe
UserKnownHostsFile ~/.ssh/others
VerifyHostKeyDNS yes
VersionAddendum x
VisualHostKey yes
WarnWeakCrypto no
XAuthLocation /bin/xauth
`;

/** Printed only by versions before or after the one that Debian 12 has (9.2). */
const OTHER_VERSIONS: ReadonlySet<string> = new Set([
  ...["challengeresponseauthentication", "hostbasedkeytypes", "pubkeyacceptedkeytypes"],
  ...["tag", "channeltimeout", "obscurekeystroketiming", "versionaddendum", "warnweakcrypto"],
]);

const LISTS = { HONOURED, HARMLESS, REFUSED };
const ALL = Object.values(LISTS).flatMap((list) => Object.keys(list));

/** What `ssh -G` prints for a configuration. */
function answers(ssh: string, text: string): RawAnswers {
  const file = join(folder, "config");
  writeFileSync(file, text, { mode: 0o600 });
  const { stdout, stderr, status } = spawnSync(ssh, ["-G", "-T", "-F", file, "--", "mail.test"], {
    encoding: "utf8",
  });
  assert.equal(status, 0, stderr);
  return parseAnswers(stdout);
}

/** The ssh that is installed, and others that the set-up may have brought. */
function programs(): readonly string[] {
  const cache = fileURLToPath(new URL("../../.cache", import.meta.url));
  const folders = existsSync(cache) ? readdirSync(cache) : [];
  const others = folders.flatMap((name) =>
    ["bin/ssh", "usr/bin/ssh", "ssh"].map((ssh) => join(cache, name, ssh)),
  );
  return [program("ssh"), ...others.filter((path) => existsSync(path))];
}

const local = {
  uid: 1,
  account: { user: "jd", home: "/home/jd" },
  home: "/home/jd",
  env: {},
  homes: new Map(),
};

function settleWith(all: RawAnswers, keys: Parameters<typeof decisionFor>[1] = {}): Target {
  return settle(decisionFor("mail.test", keys), all, local);
}

/** The same answers with one key as another configuration has it. */
function changed(all: RawAnswers, key: string, values: readonly string[]): RawAnswers {
  return new Map([...all, [key, values]]);
}

test("the keywords of other versions are in the lists too (readconf.c of OpenSSH 8.4 to 10.5)", () => {
  assert.deepEqual(
    [...OTHER_VERSIONS].filter((key) => !ALL.includes(key)),
    [],
  );
});

test("no keyword is in two lists", () => {
  assert.deepEqual(ALL.toSorted(), [...new Set(ALL)].toSorted());
});

for (const ssh of programs()) {
  describe(`ssh -G of ${ssh}`, () => {
    const plain = answers(ssh, "");
    const jumping = answers(ssh, `ProxyJump gate\n${EVERY}`);
    const every = new Map([...jumping, ...answers(ssh, `ProxyCommand nc %h %p\n${EVERY}`)]);

    test("prints no keyword that is in none of the lists", () => {
      const strange = [...new Set([...plain.keys(), ...every.keys()])].filter((key) => !ALL.includes(key));
      assert.deepEqual(strange, []);
    });

    test("prints every keyword of the lists, but for those of other versions", () => {
      assert.deepEqual(
        ALL.filter((key) => !every.has(key) && !OTHER_VERSIONS.has(key)),
        [],
      );
    });

    test("prints nothing by default that is refused", () => {
      settleWith(plain);
      settleWith(answers(ssh, "SendEnv LANG LC_*\nHashKnownHosts yes\nGSSAPIAuthentication yes\n"));
    });

    for (const key of Object.keys(HARMLESS)) {
      const values = every.get(key);
      if (values === undefined) continue;
      test(`"${key} ${values}" changes nothing but what is said`, () => {
        const said = { passedOver: [] };
        const target = { ...settleWith(changed(plain, key, values)), ...said };
        assert.deepEqual(target, { ...settleWith(plain), ...said });
      });
    }

    test('"ProxyUseFdpass yes" is refused with a ProxyCommand: its name, its value, where it stands and what to do', () => {
      assert.deepEqual(Object.keys(REFUSED), ["proxyusefdpass"]);
      const proxied = changed(plain, "proxycommand", ["nc %h %p"]);
      const passing = changed(proxied, "proxyusefdpass", ["yes"]);
      const what = (source: string) => `${source} says "ProxyUseFdpass yes", which is not supported`;
      assert.throws(() => settleWith(passing), {
        trouble: "table",
        subject: "mail.test",
        what: what("ssh_config"),
      });
      assert.throws(() => settleWith(passing, { sshConfig: settled("/my/config") }), {
        what: what("/my/config"),
        hints: ["leave ProxyUseFdpass out for this host, or give it its own ssh_config in the table"],
      });
      settleWith(proxied);
      settleWith(changed(plain, "proxyusefdpass", ["yes"]));
    });

    for (const value of ["yes", "no", "off", "ask", "accept-new"]) {
      test(`StrictHostKeyChecking ${value} counts as yes`, () => {
        const asked = answers(ssh, `StrictHostKeyChecking ${value}\n`);
        assert.deepEqual(settleWith(asked), settleWith(plain));
      });
    }
  });
}
