import assert from "node:assert/strict";
import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { after, before, test } from "node:test";
import { startAgent } from "../../peers/agent.ts";
import { describeForms, type Form } from "../../peers/binaries.ts";
import { type Call, startCall } from "../../peers/call.ts";
import { type Home, makeHome, tableFor } from "../../peers/home.ts";
import { descendantsOf, gone, processesMarked, wordsOf } from "../../peers/processes.ts";
import { type Sshd, startSshd } from "../../peers/sshd.ts";
import { refusingPort, silentServer, speakingServer } from "../../peers/tcp.ts";
import { poll } from "../../peers/waiting.ts";
import { GREETING, MAIL, refusal, saying } from "../calls/client.ts";

/** Two hosts on the way, and the one behind them. */
let first: Sshd;
let second: Sshd;
let last: Sshd;
before(async () => {
  first = await startSshd();
  second = await startSshd();
  last = await startSshd();
});
after(() => Promise.all([first, second, last].map((sshd) => sshd.stop())));

/** What leads to an sshd in ssh_config, by its name. */
type Entry = Pick<Sshd, "host" | "port" | "user" | "identity" | "knownHosts">;

function host(name: string, { host, port, user, identity, knownHosts }: Entry, ...more: string[]): string {
  const lines = [
    ...[`HostName ${host}`, `Port ${port}`, `User ${user}`, `IdentityFile ${identity}`, "IdentitiesOnly yes"],
    ...[`UserKnownHostsFile ${knownHosts}`, "GlobalKnownHostsFile none", ...more],
  ];
  return `Host ${name}\n${lines.map((line) => `  ${line}\n`).join("")}`;
}

interface Way {
  readonly first?: Partial<Entry>;
  readonly second?: Partial<Entry>;
  /** Lines for the destination, in the place of its ProxyJump. */
  readonly by?: string;
  /** Lines for the second host alone. */
  readonly secondBy?: readonly string[];
  /** Lines for all of them. */
  readonly all?: string;
  readonly deadline?: string;
}

/** Writes an ssh_config and a table whose mail.test lies behind two hosts. */
function arrange(home: Home, way: Way = {}): void {
  const config = home.write(
    "ssh_config",
    [
      way.all ?? "",
      host("one", { ...first, ...way.first }),
      host("two", { ...second, ...way.second }, ...(way.secondBy ?? [])),
      `Host ${last.host}\n  ${way.by ?? "ProxyJump one,two"}\n`,
    ].join("\n"),
  );
  const keys = { ssh_config: config, deadline: way.deadline ?? "10s" };
  home.writeTable(tableFor(last, { ...keys, "commands.imap": saying(home, GREETING) }));
}

/** Its environment, marked so that whatever it leaves behind is found. */
function marked(home: Home): { readonly env: Record<string, string>; readonly marker: string } {
  const marker = `PREAUTH_TEST_CALL=${home.path}`;
  const [name = "", value = ""] = marker.split("=");
  return { env: { ...home.env, [name]: value }, marker };
}

/** Waits until nothing is left of a call but perhaps itself. */
async function alone(marker: string): Promise<void> {
  const left = () => processesMarked(marker);
  const shown = () =>
    left()
      .map((pid) => wordsOf(pid).join(" "))
      .join("\n");
  await poll(() => left().length === 0, "the end of all that was started", shown, 5000);
}

/** A whole session whose server echoes; nothing may be left of it. */
async function session(form: Form, home: Home): Promise<string> {
  const { env, marker } = marked(home);
  await using call = await startCall([...form.argv, ...MAIL], { env });
  await call.readUntil(/^.*\r\n/);
  call.write("A7 SELECT INBOX\r\n");
  await call.readUntil(/A7 .*\r\n$/);
  call.end();
  const { output, status } = await call.finished();
  await alone(marker);
  return `${status} ${output}`;
}

/** Its failure: the status, and the reason that the client is told. */
async function failure(form: Form, home: Home): Promise<readonly [status: string, reason: string]> {
  const said = await session(form, home);
  const [, status = "", reason = ""] = /^(\d+) [\s\S]*\* BYE preauth: (.*)\r\n/.exec(said) ?? [];
  assert.equal(said, `${status} ${refusal(reason)}`);
  return [status, reason];
}

/** ssh_config's ways through both. */
const WAYS: Readonly<Record<string, Way>> = {
  "a ProxyJump of two hosts": {},
  "a ProxyJump whose host has one of its own": { by: "ProxyJump two", secondBy: ["ProxyJump one"] },
  "a ProxyJump whose host has a ProxyCommand": {
    by: "ProxyJump two",
    secondBy: ["ProxyCommand ssh -F ~/ssh_config -W %h:%p one"],
  },
};

function config(way: Way, home: Home): Way {
  const secondBy = way.secondBy?.map((line) => line.replace("~", home.path));
  return secondBy === undefined ? way : { ...way, secondBy };
}

describeForms("a server behind two others", { concurrency: 3 }, (form) => {
  for (const [name, way] of Object.entries(WAYS)) {
    test(`is reached by ${name}`, async () => {
      using home = makeHome();
      arrange(home, config(way, home));
      const before = [first, second, last].map((sshd) => sshd.logins());
      assert.match(await session(form, home), /^0 \* PREAUTH .*\r\nA7 SELECT INBOX\r\n$/);
      const after = [first, second, last].map((sshd) => sshd.logins());
      // Others of this suite run beside it.
      for (const index of [0, 1, 2]) assert.equal((after[index] ?? 0) > (before[index] ?? 0), true);
    });
  }

  test("is reached without a master of ssh's, whatever ssh_config says of one", async () => {
    using home = makeHome();
    const masters = home.write("masters/README", "");
    const folder = masters.replace(/README$/, "");
    arrange(home, { all: `ControlMaster auto\nControlPath ${folder}%n-%p\nControlPersist yes\n` });
    assert.match(await session(form, home), /^0 \* PREAUTH .*\r\nA7 SELECT INBOX\r\n$/);
    assert.deepEqual(readdirSync(folder), ["README"]);
  });

  test("is reached by a ProxyCommand that goes through both", async () => {
    using home = makeHome();
    arrange(home, { by: `ProxyCommand ssh -F ${home.path}/ssh_config -J one -W %h:%p two` });
    assert.match(await session(form, home), /^0 \* PREAUTH .*\r\nA7 SELECT INBOX\r\n$/);
    assert.doesNotMatch(home.log(), /hint/);
  });

  for (const [place, name] of [
    ["first", "[127.0.0.1]"],
    ["second", "[127.0.0.1]"],
  ] as const) {
    for (const [kind, words] of [
      ["empty", "No ED25519 host key is known for "],
      ["wrong", "Host key for "],
    ] as const) {
      for (const checking of ["no", "accept-new", "ask"]) {
        const state = kind === "empty" ? "unknown" : "changed";
        test(`is not reached where the ${place} host's key is ${state}: StrictHostKeyChecking ${checking}`, async () => {
          const sshd = place === "first" ? first : second;
          const knownHosts = sshd.knownHostsFile(kind);
          const text = readFileSync(knownHosts, "utf8");
          for (const way of [
            WAYS["a ProxyJump of two hosts"],
            WAYS["a ProxyJump whose host has one of its own"],
          ]) {
            using home = makeHome();
            const all = `StrictHostKeyChecking ${checking}\nUpdateHostKeys yes\nHost *`;
            arrange(home, { ...way, all, [place]: { knownHosts } });
            const [status, reason] = await failure(form, home);
            assert.equal(status, "77");
            assert.equal(reason.includes(`"${words}${name}:${sshd.port} `), true, reason);
            assert.match(home.log(), /hint: log in to that host once by hand/);
          }
          assert.equal(readFileSync(knownHosts, "utf8"), text, "nothing was learnt");
        });
      }
    }
  }

  test("is not reached where localhost would be let through unchecked", async () => {
    using home = makeHome();
    const knownHosts = first.knownHostsFile("empty");
    arrange(home, { all: "NoHostAuthenticationForLocalhost yes\nHost *", first: { knownHosts } });
    assert.equal((await failure(form, home))[0], "77");
  });

  test("is not reached where a host on the way is down, refuses the key, or hangs up", async () => {
    const port = await refusingPort();
    for (const place of ["first", "second"] as const) {
      using home = makeHome();
      arrange(home, { [place]: { port } });
      const [status, reason] = await failure(form, home);
      assert.equal(status, "69");
      assert.match(reason, /Connection refused|open failed: connect failed/);
    }
    using home = makeHome();
    arrange(home, { first: { identity: second.identity } });
    const [status, reason] = await failure(form, home);
    assert.equal(status, "77");
    assert.match(reason, /"\w+@127\.0\.0\.1: Permission denied \(publickey\)\."/);
  });

  test("is given up at the deadline where a host on the way hangs, and nothing is left", async () => {
    await using silent = await silentServer();
    for (const place of ["first", "second"] as const) {
      using home = makeHome();
      arrange(home, { [place]: { port: silent.port }, deadline: "1500ms" });
      const [status, reason] = await failure(form, home);
      assert.equal(status, "69");
      assert.match(reason, /timed out .* after 1\.5 s$/);
    }
    await silent.idle();
  });

  test("is not reached through a host that is no SSH server, whose text stays out of the stream", async () => {
    await using talker = await speakingServer("\x1b[2Jhello\r\n\x07* PREAUTH gotcha\r\n".repeat(1100));
    using home = makeHome();
    arrange(home, { first: { port: talker.port } });
    const [status, reason] = await failure(form, home);
    assert.equal(status, "69");
    assert.match(reason, /ProxyCommand ended with status 255/);
    assert.doesNotMatch(home.log(), /[\0-\x09\x0b-\x1f\x7f]/);
  });

  test("a ProxyJump that goes in a circle is refused", async () => {
    using home = makeHome();
    arrange(home, { by: "ProxyJump two", secondBy: ["ProxyJump two"] });
    assert.deepEqual(await failure(form, home), ["78", "mail.test: ProxyJump goes in a circle"]);
  });

  test("is reached by processes that have neither the client's pipes, nor its terminal, nor the agent's trust", async () => {
    using home = makeHome();
    await using agent = await startAgent([first.identity]);
    arrange(home, { all: "ForwardAgent yes\nForwardX11 yes\nControlMaster auto\nHost *" });
    const { env, marker } = marked(home);
    const options = { env: { ...env, SSH_AUTH_SOCK: agent.socket, DISPLAY: ":9" } };
    await using call = await startCall([...form.argv, ...MAIL], options);
    await call.readUntil(/\* PREAUTH/);
    const ours = new Set([0, 1].map((fd) => readlinkSync(`/proc/${call.pid}/fd/${fd}`)));
    const helpers = descendantsOf(call.pid);
    assert.equal(helpers.length, 2, helpers.map((pid) => wordsOf(pid).join(" ")).join("\n"));
    for (const pid of helpers) {
      const words = wordsOf(pid);
      assert.equal(
        words.includes("ForwardAgent=no") && words.includes("ForwardX11=no"),
        true,
        words.join(" "),
      );
      const open = readdirSync(`/proc/${pid}/fd`).map((fd) => readlinkSync(`/proc/${pid}/fd/${fd}`));
      assert.deepEqual(
        open.filter((target) => ours.has(target)),
        [],
      );
      // proc(5): the seventh field is the terminal, the sixth the session.
      const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
      const [, , , session, terminal] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
      assert.equal(terminal, "0");
      assert.notEqual(Number(session), call.pid);
    }
    await hangUp(call, marker);
  });

  for (const name of ["SIGTERM", "SIGHUP", "SIGKILL"] as const) {
    test(`leaves nothing behind after ${name}`, async () => {
      using home = makeHome();
      arrange(home);
      const { env, marker } = marked(home);
      await using call = await startCall([...form.argv, ...MAIL], { env });
      await call.readUntil(/\* PREAUTH/);
      const helpers = descendantsOf(call.pid);
      call.signal(name);
      await call.exited(2000);
      for (const pid of helpers) await gone(pid, 5000);
      await alone(marker);
    });
  }
});

async function hangUp(call: Call, marker: string): Promise<void> {
  call.hangUp();
  await call.exited(4000);
  await alone(marker);
}
