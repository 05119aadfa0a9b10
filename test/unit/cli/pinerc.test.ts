import assert from "node:assert/strict";
import { describe, test } from "node:test";
import {
  expandVariables,
  type Pinerc,
  type PinercFile,
  parsePinerc,
  pinercOf,
} from "../../../src/cli/pinerc.ts";
import { systemPlaces } from "../../../src/cli/pinerc_files.ts";
import { obstaclesIn, openTimeout } from "../../../src/cli/pinerc_obstacles.ts";
import { makeHome } from "../../peers/home.ts";

const good = `# comment {ssl.example.org/ssl}
rsh-path=/usr/local/bin/preauth
rsh-command=%s %s %s %s
inbox-path={work}INBOX
folder-collections="Mail" {work/user=jane}mail/[],
    {other.example.org/ssl}[]
`;

const PATHS = ["/usr/local/bin/preauth", "/usr/bin/ssh"];

const homeOf = (user: string): string | undefined => ({ "": "/home/jane", joe: "/home/joe" })[user];

/** A configuration whose files override each other, the first one all others. */
function read(...texts: readonly string[]): Pinerc {
  return readAll(texts.map((text, index) => parsePinerc(text, index === 0 ? "~/.pinerc" : `file ${index}`)));
}

function readAll(files: readonly PinercFile[]): Pinerc {
  return pinercOf(files, (value) => expandVariables(value, { BIN: "/usr/local/bin", HOST: "work" }, homeOf));
}

function obstacles(text: string, deadline = 10_000): string[] {
  return obstaclesIn(read(text), {
    ...{ server: "work", login: "jane", program: "/usr/local/bin/preauth" },
    isServer: (host) => host === "work",
    isExecutable: (path) => PATHS.includes(path),
    isPreauth: (path) => path === "/usr/local/bin/preauth",
    isUtf8: true,
    deadline,
  }).map(({ at, what, line }) => `${at?.line ?? "-"}: ${what}${line === undefined ? "" : ` => ${line}`}`);
}

describe("the system's files", () => {
  test("are those that the installed Alpine has in it, or all that there may be", () => {
    using home = makeHome();
    const places = () => systemPlaces({ PATH: `${home.path}/none:${home.path}` });
    assert.ok(places().system.length > 1 && places().fixed.length > 1);
    home.write("alpine", "x\0/etc/pine.conf\0/etc/pinerc.fixed\0# /usr/lib/pine.conf\0");
    assert.deepEqual(places(), { system: ["/etc/pine.conf"], fixed: ["/etc/pinerc.fixed"] });
    home.write("alpine", "#!/bin/sh\nexec /opt/alpine\n");
    assert.ok(places().system.length > 1);
  });
});

describe("a .pinerc", () => {
  test("gives its remote mailboxes with their lines, comments left out", () => {
    const file = "~/.pinerc";
    assert.deepEqual(read(good).mailboxes, [
      { spec: "work", host: "work", user: undefined, direct: undefined, unknown: undefined, file, line: 4 },
      {
        spec: "work/user=jane",
        host: "work",
        user: "jane",
        direct: undefined,
        unknown: undefined,
        file,
        line: 5,
      },
      {
        ...{ spec: "other.example.org/ssl", host: "other.example.org", user: undefined },
        ...{ direct: "/ssl", unknown: undefined, file, line: 6 },
      },
    ]);
  });

  test("that is right has no obstacles", () => assert.deepEqual(obstacles(good), []));

  test("may name this program by a variable, with a slash behind its name", () => {
    const text = "rsh-path=$BIN/preauth\nrsh-command=%s %s %s %s\ninbox-path={work}INBOX\n";
    assert.deepEqual(obstacles(text), []);
  });

  for (const [line, obstacle] of [
    ["inbox-path={work:143}INBOX", '4: ":143" in {work:143} makes Alpine connect directly'],
    ["inbox-path={work/ssl}INBOX", '4: "/ssl" in {work/ssl} makes Alpine connect directly'],
    [
      "inbox-path={work/user=jane/TLS}INBOX",
      '4: "/tls" in {work/user=jane/TLS} makes Alpine connect directly',
    ],
    ["inbox-path={work/norsh}INBOX", '4: "/norsh" in {work/norsh} makes Alpine connect directly'],
    [
      "inbox-path={work/service=pop3}INBOX",
      '4: "/service=pop3" in {work/service=pop3} makes Alpine connect directly',
    ],
    [
      'inbox-path={work/user="jo e"}INBOX',
      '4: {work/user="jo e"} makes the call "preauth work -l jo e exec /etc/rimapd", which is refused: usage: "e exec /etc/rimapd" is not exec /etc/rMETHODd',
    ],
    ["inbox-path={work/starttls}INBOX", '4: "/starttls" in {work/starttls} makes Alpine connect directly'],
    ["inbox-path={work/tls1_2}INBOX", '4: "/tls1_2" in {work/tls1_2} makes Alpine connect directly'],
    ["inbox-path={work/submit}INBOX", '4: "/submit" in {work/submit} makes Alpine connect directly'],
    [
      'inbox-path={work/service="pop3"}INBOX',
      '4: "/service="pop3"" in {work/service="pop3"} makes Alpine connect directly',
    ],
    ...(
      [
        ["/bogus", "/bogus"],
        ["/", "/"],
        [":", ":"],
        [":0", ":0"],
        ["/user=jane/user=jane", "/user=jane"],
        ["/notls/tls", "/tls"],
        ["/imap/service=imap", "/service=imap"],
      ] as const
    ).map(
      ([more, odd]) =>
        [
          `inbox-path={work${more}}INBOX`,
          `4: "${odd}" in {work${more}} is not valid there for Alpine: it opens no such mailbox`,
        ] as const,
    ),
    ["rsh-open-timeout=0", "4: rsh-open-timeout=0 turns rsh-path off => rsh-open-timeout=15"],
    [
      "rsh-open-timeout=10",
      "4: rsh-open-timeout=10 is not above the table's deadline of 10 s => rsh-open-timeout=15",
    ],
    ["rsh-open-timeout=3", '4: rsh-open-timeout must be from 5 to 30000: "3" => rsh-open-timeout=15'],
    ["ssh-path=/usr/bin/ssh", '4: ssh-path is tried before rsh-path: "/usr/bin/ssh" => ssh-path='],
  ] as const) {
    test(`with ${line} has one`, () =>
      assert.deepEqual(obstacles(good.replace(/^inbox-path.*$/m, line)), [obstacle]));
  }

  for (const [path, what] of [
    ["/opt/my tools/preauth", "must not have a space in it"],
    ["preauth", "must be absolute"],
    ["/usr/local/bin/preauth ", "must not have a space in it"],
    ["/no/such", "is not an executable file"],
    ["/usr/bin/ssh", "is not this program"],
  ]) {
    test(`with rsh-path=${path} has one`, () => {
      const text = good.replace(/^rsh-path=.*$/m, `rsh-path=${path}`);
      assert.deepEqual(obstacles(text), [
        `2: rsh-path ${what}: "${path}" => rsh-path=/usr/local/bin/preauth`,
      ]);
    });
  }

  for (const [command, what] of [
    ["%s %s %s", "must have four %s, not 3"],
    ["%s", "must have four %s, not 1"],
    ["%s %s %s %s %s", "must have four %s, not 5"],
    ["%s %s %d %s", 'has "%d" in it'],
    ["ssh %s %s %s %s", 'starts "ssh", and not rsh-path'],
    [
      "%s -p %s %s %s",
      'makes the call "preauth -p work jane imap", which is refused: SERVER: "-p" is not a host name',
    ],
    [
      "%s %s -l %s exec /etc/%sd",
      'makes the call "preauth work -l jane exec /etc/imapd", which is refused: usage: "exec /etc/imapd" is not exec /etc/rMETHODd',
    ],
    ["%s --check %s %s %s", 'makes the call "preauth --check work jane imap", which is not a mail call'],
  ]) {
    test(`with rsh-command=${command} has one`, () => {
      const text = good.replace(/^rsh-command=.*$/m, `rsh-command=${command}`);
      assert.deepEqual(obstacles(text), [`3: rsh-command ${what} => rsh-command=%s %s %s %s`]);
    });
  }

  test("with any form of rsh-command that comes here as it should has none", () => {
    for (const command of [
      "",
      "%s %s -l %s exec /etc/r%sd",
      "%s %s -q -l %s exec /etc/r%sd",
      '"%s %s %s %s"',
      "%s %s %s imap",
    ])
      assert.deepEqual(obstacles(good.replace(/^rsh-command=.*$/m, `rsh-command=${command}`)), [], command);
  });

  test("that does not name the server says so, with the line to write", () => {
    assert.deepEqual(obstacles(good.replaceAll("{work", "{home")), [
      "-: no mailbox in it names work => inbox-path={work}INBOX",
    ]);
  });

  test("is read as Alpine reads it: spaces, cases, quotes, the later of two lines, variables", () => {
    for (const line of [
      'RSH-Path = "/usr/local/bin/preauth" # as written',
      "rsh-path=/no/such\nrsh-path=/usr/local/bin/preauth",
      "rsh-path=\u0024{BIN}/preauth",
      "rsh-path=\u0024{NONE:-/usr/local/bin}/preauth",
    ]) {
      assert.equal(read(good.replace(/^rsh-path=.*$/m, line)).rshPath?.value, "/usr/local/bin/preauth", line);
    }
    assert.equal(read("rsh-path=~/preauth").rshPath?.value, "/home/jane/preauth");
  });

  test("has lines of CRLF where its first line is one", () => {
    const path = "rsh-path=/usr/local/bin/preauth";
    assert.equal(read(`# c\r\n${path}\r\n`).rshPath?.value, "/usr/local/bin/preauth");
    assert.equal(read(`# c\n${path}\r\n`).rshPath?.value, "/usr/local/bin/preauth\r");
  });

  test("expands ~ by the password file, and the names of hosts", () => {
    assert.equal(read("rsh-path=~joe/preauth").rshPath?.value, "/home/joe/preauth");
    assert.equal(read("rsh-path=~ann/preauth").rshPath?.value, "~ann/preauth");
    const list = "incoming-folders=A {\u0024{HOST}/user=jane}x,\n B {mail.\u0024{HOST}}y\n";
    assert.deepEqual(
      read(list).mailboxes.map(({ host }) => host),
      ["work", "mail.work"],
    );
  });

  test("has a list go on behind its own lines alone, and none that begins empty", () => {
    for (const list of [
      "incoming-folders=A {work}x,\n# c\n B {other}x\n",
      "incoming-folders=A {work}x,\n\n B {other}x\n",
      "inbox-path={work}INBOX\nincoming-folders=\n B {other}x\n",
      "inbox-path={work}INBOX\ninbox-path=x {other}INBOX\nfolder-collections={work}[]\n",
    ]) {
      const hosts = read(list).mailboxes.map(({ host }) => host);
      assert.deepEqual(hosts, ["work"], list);
    }
  });

  test("leaves it to the next file where variables leave nothing of a value", () => {
    assert.equal(read("rsh-path=\u0024NONE\n", "rsh-path=/system\n").rshPath?.value, "/system");
    assert.equal(read('rsh-path=""\n', "rsh-path=/system\n").rshPath?.value, "");
  });

  test("does not count where what is fixed is empty: then the system's does", () => {
    const fixed = parsePinerc("rsh-path=\n", "fixed", "fixed");
    const system = parsePinerc("rsh-path=/system\nrsh-path=\n", "system", "system");
    const own = parsePinerc(good, "~/.pinerc");
    assert.equal(readAll([fixed, own]).rshPath, undefined);
    assert.equal(readAll([fixed, own, system]).rshPath?.value, "/system");
    assert.equal(readAll([fixed, own, system]).rshCommand?.value, "%s %s %s %s");
  });

  test("may name this program by ssh-path, with its own command", () => {
    const lines = (command: string) =>
      `ssh-path=/usr/local/bin/preauth\n${command}rsh-open-timeout=0\ninbox-path={work}INBOX\n`;
    assert.deepEqual(obstacles(lines("")), []);
    assert.deepEqual(obstacles(lines("ssh-command=%s %s %s %s\n")), []);
    assert.deepEqual(obstacles(lines("ssh-command=%s %s\n")), [
      "2: ssh-command must have four %s, not 2 => ssh-command=%s %s %s %s",
    ]);
  });

  test("has addresses without their brackets, as Alpine calls for them", () => {
    const hosts = (spec: string) => read(`inbox-path={${spec}}INBOX`).mailboxes.map(({ host }) => host);
    assert.deepEqual(hosts("[::1]/user=jane"), ["::1"]);
    assert.deepEqual(hosts("[192.0.2.1]"), ["192.0.2.1"]);
    assert.deepEqual(obstacles(good.replace(/^inbox.*$/m, "inbox-path={[work]}INBOX")), [
      '4: "[work]" in {[work]} is not valid there for Alpine: it opens no such mailbox',
    ]);
  });

  test("may name an ssh-path that ssh-open-timeout switches off", () => {
    assert.deepEqual(obstacles(`${good}ssh-path=/usr/bin/ssh\nssh-open-timeout=0\n`), []);
  });

  test("is overridden by what is fixed, and overrides the system's", () => {
    const pinerc = read(
      "rsh-path=/fixed\n",
      good,
      "rsh-path=/system\nrsh-open-timeout=30\ninbox-path={sys}\n",
    );
    assert.equal(pinerc.rshPath?.value, "/fixed");
    assert.equal(pinerc.rshPath?.file, "~/.pinerc");
    assert.equal(pinerc.rshOpenTimeout?.value, "30");
    assert.equal(
      pinerc.mailboxes.some(({ host }) => host === "sys"),
      false,
    );
    assert.equal(read("rsh-path=\n", "rsh-path=/system\n").rshPath?.value, "/system");
  });

  test("gives the user of a mailbox, in quotes or not", () => {
    const users = (spec: string) => read(`inbox-path={work${spec}}INBOX`).mailboxes.map(({ user }) => user);
    assert.deepEqual(users("/user=jane/secure"), ["jane"]);
    assert.deepEqual(users('/imap/USER="jo e"'), ["jo e"]);
    assert.deepEqual(users("/secure"), [undefined]);
  });

  test("without rsh-open-timeout is held against Alpine's usual 15 s", () => {
    assert.deepEqual(obstacles(good, 15_000), [
      "-: Alpine's usual rsh-open-timeout of 15 is not above the table's deadline of 15 s => rsh-open-timeout=20",
    ]);
    assert.deepEqual(obstacles(good, 14_000), []);
  });

  test("without rsh-path never calls", () => {
    assert.deepEqual(obstacles(good.replace(/^rsh-path.*$/m, "rsh-path=")), [
      "-: rsh-path is not set => rsh-path=/usr/local/bin/preauth",
    ]);
  });

  test("leaves switches alone that do not keep Alpine from calling", () => {
    assert.deepEqual(
      obstacles(good.replace("{work}", "{work/notls/novalidate-cert/secure/service=imap}")),
      [],
    );
  });

  test("tells how long Alpine waits", () => {
    assert.equal(openTimeout(read(good)), 15);
    assert.equal(openTimeout(undefined), 15);
    assert.equal(openTimeout(read("rsh-open-timeout=30")), 30);
    assert.equal(openTimeout(read("rsh-open-timeout=0")), 0);
    assert.equal(openTimeout(read("rsh-open-timeout= 30 ")), 30);
    for (const odd of ["3", "abc", "40000"]) assert.equal(openTimeout(read(`rsh-open-timeout=${odd}`)), 15);
  });
});
