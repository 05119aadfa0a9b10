import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { userInfo } from "node:os";
import { test } from "node:test";
import { describeForms, type Form } from "../../peers/binaries.ts";
import { runCall } from "../../peers/call.ts";
import { type Home, makeHome } from "../../peers/home.ts";
import { program } from "../../peers/programs.ts";
import { trace } from "../../peers/strace.ts";

interface Explained {
  readonly status: number | null;
  readonly text: string;
  readonly stderr: string;
  /** Name of a row to its value and origin. */
  readonly rows: ReadonlyMap<string, readonly [value: string, from: string]>;
}

async function explain(
  form: Form,
  home: Home,
  words: readonly string[],
  under: readonly string[] = [],
): Promise<Explained> {
  const argv = [...form.argv, "--explain", ...words];
  const { status, output, stderr } = await runCall(argv, { env: home.env, stdio: "pipes", under });
  const text = output.toString();
  const rows = [...text.matchAll(/^(\S.*?) {2,}(.*?) {2,}(\S.*)$/gm)].map(
    ([, name = "", value = "", from = ""]) => [name, [value, from]] as const,
  );
  return { status, text, stderr, rows: new Map(rows) };
}

const TABLE = `[defaults]
deadline = "5s"

[[host]]
match = ["mail.isp.com", "*.mail.isp.com"]
user = "jane"
ssh_config = "CONFIG"
commands.imap = "cd ~/bin; exec imapd"

[[host]]
match = "plain"
ssh_config = "CONFIG"
`;

function tableHome(config: string): Home {
  const home = makeHome();
  const file = home.write("ssh_config", config);
  home.writeTable(TABLE.replaceAll("CONFIG", file));
  return home;
}

/** Lines of ssh_config of each kind; test/unit/target/same_as_ssh.test.ts has hundreds. */
const CONFIGS: readonly string[] = [
  "Match all\n Port 2222",
  "Host *.com !mail.isp.com\n Port 2222\nHost *\n HostName real.test",
  "HostName real.test\nMatch final host real.test\n Port 2222",
  'HostName real.test\nMatch originalhost mail.isp.com !exec "test %h = mail.isp.com"\n Port 2222',
  "Match user joe localuser nobody-of-that-name\n Port 2222\nMatch user joe\n HostKeyAlias Other",
  "User somebody\nMatch user somebody\n Port 2222",
  "Include FOLDER/nothing FOLDER/included\nPort 2223",
  'IdentitiesOnly=yes\nIdentityFile "/k/my key" # mine\nIdentityFile /k/one\nCompression yes',
  "ProxyJump none\nProxyCommand echo %h\nAddressFamily inet6",
];

describeForms("--explain", (form) => {
  test("shows what ssh has of ssh_config", async () => {
    for (const config of CONFIGS) {
      using home = makeHome();
      home.write("included", "Port 2222\n");
      const file = home.write("ssh_config", `${config.replaceAll("FOLDER", home.path)}\n`);
      home.writeTable(`[[host]]\nmatch = "mail.isp.com"\nssh_config = "${file}"\n`);
      const words = ["-G", "-F", file, "-l", "joe", "mail.isp.com"];
      const said = spawnSync(program("ssh"), words, { encoding: "utf8", env: home.env }).stdout;
      const all = (key: string) =>
        [...said.matchAll(new RegExp(`^${key} (.*)$`, "gm"))].map(([, one = ""]) => one);
      const [host = "", port = "", alias] = ["hostname", "port", "hostkeyalias"].map((key) => all(key)[0]);
      const argv = [...form.argv, "--explain", "mail.isp.com", "joe", "--json"];
      const { output } = await runCall(argv, { env: home.env, stdio: "pipes" });
      const { values } = JSON.parse(String(output)) as { values: Record<string, { value: unknown }> };
      const found = Object.fromEntries(Object.entries(values).map(([key, { value }]) => [key, value]));
      const proxy = all("proxycommand")[0];
      assert.deepEqual(
        [found.address, found.port, found.user, found.hostKeyName, found.family, found.hasProxy],
        [
          ...[host, Number(port), "joe"],
          alias?.toLowerCase() ?? (port === "22" ? host : `[${host}]:${port}`),
          ...[all("addressfamily")[0], proxy !== undefined],
        ],
        config,
      );
      assert.equal(found.identitiesOnly, all("identitiesonly")[0] === "yes", config);
      assert.equal(found.compression, all("compression")[0] === "yes", config);
      const files = all("identityfile").map((path) => path.replace(/^~/, userInfo().homedir));
      assert.deepEqual(found.identities, files, config);
    }
  });

  test("tells each value and where it came from", async () => {
    using home = tableHome("Host mail.isp.com\n  HostName 192.0.2.7\n  Port 2222\n  HostKeyAlias isp\n");
    const { rows, status } = await explain(form, home, ["mail.isp.com", "joe", "imap"]);
    const expected = {
      server: ["mail.isp.com", "the call"],
      match: ["[[host]] 1", "hosts.toml:4:1"],
      "ssh to": ["mail.isp.com", "the call"],
      address: ["192.0.2.7", "ssh_config"],
      port: ["2222", "ssh_config"],
      user: ["jane", "hosts.toml:6:1"],
      command: ["cd ~/bin; exec imapd", "hosts.toml:8:1"],
      "known as": ["isp", "ssh_config"],
      on_failure: ["refuse", "default"],
      deadline: ["5 s", "hosts.toml:2:1"],
    };
    for (const [name, row] of Object.entries(expected)) assert.deepEqual(rows.get(name), row, name);
    assert.equal(status, 0);
  });

  test("without USER and METHOD: the login name, and imap", async () => {
    using home = tableHome("");
    const { rows } = await explain(form, home, ["plain"]);
    assert.deepEqual(rows.get("user"), [userInfo().username, "your login name"]);
    assert.deepEqual(rows.get("command"), ["auto: the first imapd found on the server", "default"]);
    assert.deepEqual(rows.get("port"), ["22", "default"]);
  });

  test("warns when the call's user wins over another in ssh_config, and only then", async () => {
    using home = tableHome("Host plain\n  User jane\n");
    const overruled = await explain(form, home, ["plain", "joe"]);
    assert.match(
      overruled.text,
      /^note: the call's user "joe" wins over ssh_config's "jane", as with ssh -l$/m,
    );
    assert.deepEqual(overruled.rows.get("user"), ["joe", "the call"]);
    assert.doesNotMatch((await explain(form, home, ["plain", "jane"])).text, /^note:/m);
    const named = await explain(form, home, ["plain"]);
    assert.match(
      named.text,
      /^note: Alpine gives the user "\S+" \(your login name\), and not ssh_config's "jane"\n.*: user = "jane"$/m,
    );
    using bare = tableHome("");
    assert.doesNotMatch((await explain(form, bare, ["plain", "joe"])).text, /^note:/m);
  });

  test("connects to nothing", async () => {
    using home = tableHome("Host plain\n  HostName 127.0.0.1\n");
    const traced = trace(home, ["connect", "socket"]);
    const { status } = await explain(form, home, ["plain", "joe"], traced.under);
    assert.equal(status, 0);
    assert.deepEqual(
      traced.lines().filter((line) => /AF_INET|sin_port|sin6_port/.test(line)),
      [],
    );
  });

  test("an ssh_config that takes longer than the deadline: 69", async () => {
    using home = tableHome('Match exec "sleep 1000"\n  User jane\n');
    home.writeTable(TABLE.replaceAll("CONFIG", `${home.path}/ssh_config`).replace('"5s"', '"1s"'));
    const { status, stderr } = await explain(form, home, ["plain"]);
    assert.match(stderr, /^preauth: plain: timed out looking at this machine after 1 s$/m);
    assert.equal(status, 69);
  });

  test("a server that is not in the table: 1, and that the client connects directly", async () => {
    using home = tableHome("");
    const { status, text, stderr } = await explain(form, home, ["imap.example.com"]);
    assert.match(
      stderr,
      /^preauth: imap\.example\.com: not in the table \/.*\npreauth: hint: see what it has: /,
    );
    assert.match(
      text,
      /imap\.example\.com is not in the table \/.*: exit 1 at once, and the mail client connects directly/,
    );
    assert.equal(status, 1);
  });

  test("a METHOD without a command: 69, after all the rest", async () => {
    using home = tableHome("");
    const { status, stderr, rows } = await explain(form, home, ["plain", "joe", "smtp"]);
    assert.match(stderr, /^preauth: plain: the table has no command for METHOD "smtp"$/m);
    assert.match(
      stderr,
      /^preauth: hint: write into its \[\[host\]\]: commands\.smtp = "exec \/usr\/sbin\/sendmail -bs"$/m,
    );
    assert.deepEqual(rows.get("deadline"), ["5 s", "hosts.toml:2:1"]);
    assert.equal(status, 69);
  });
});
