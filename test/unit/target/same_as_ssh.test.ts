import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { availableParallelism, userInfo } from "node:os";
import { dirname, join, resolve } from "node:path";
import { after, test } from "node:test";
import { Failure } from "../../../src/failure.ts";
import { askSsh, parseAnswers } from "../../../src/target/ask_ssh.ts";
import { readLocal } from "../../../src/target/local.ts";
import { settle, type Target } from "../../../src/target/target.ts";
import { program } from "../../peers/programs.ts";
import { recentSshd } from "../../peers/recent_sshd.ts";
import { makeTemporary, removeTemporary } from "../../peers/temporary.ts";
import { decisionFor, never, settled } from "../ssh/fixtures.ts";
import { ODD } from "./odd_configs.ts";
import { CONFIGS, type WrittenConfig } from "./written_configs.ts";

const folder = makeTemporary();
after(() => removeTemporary(folder));

const { username, homedir, uid } = userInfo();
const env: NodeJS.ProcessEnv = {
  ...process.env,
  KEYS: "/keys",
  OTHER_AGENT: "/run/other",
  SSH_AUTH_SOCK: "/run/usual",
};

/** What is compared, each in one word or in one line. */
type Facts = Readonly<Record<string, string>>;

/** The ssh that is installed, and a later one that the set-up may have brought. */
const recent = recentSshd()?.path.replace(/sbin\/sshd$/, "bin/ssh") ?? "";
const programs = [...new Set([program("ssh"), ...(existsSync(recent) ? [recent] : [])])];

/** What ssh has for one configuration: "refused" where its lines are wrong, "gave up" where what they mean is not there. */
async function theirs(run: Run, file: string, destination: string): Promise<Facts | "refused" | "gave up"> {
  const words = ["-F", file, "-l", "jane"];
  const asked = await run(["-G", "-T", ...words, "--", destination]);
  if (asked.status !== 0) return "refused";
  const said = parseAnswers(asked.stdout);
  const one = (key: string): string => said.get(key)?.[0] ?? "";
  // The files of its own are told when it has a connection: one to nobody will do.
  const reading = await run(["-v", "-o", "ProxyCommand=sh -c 'read line'", ...words, "--", destination]);
  const lines = (pattern: RegExp) =>
    [...reading.stderr.matchAll(pattern)].map(([, path = ""]) =>
      path === "none" ? path : resolve("/", fromOctal(path)),
    );
  const identities = lines(/^debug1: identity file (.*) type -?\d+\r?$/gm).filter(
    (path) => !/-cert$/.test(path),
  );
  if (!/^debug1: Local version string/m.test(reading.stderr)) return "gave up";
  const isProxied = one("proxycommand") !== "";
  const proxied = isProxied ? (await run(["-v", ...words, "--", destination])).stderr : "";
  const host = one("hostname").toLowerCase();
  return {
    host,
    port: one("port"),
    name: one("hostkeyalias").toLowerCase() || (one("port") === "22" ? host : `[${host}]:${one("port")}`),
    family: one("addressfamily"),
    knownHosts: paths([one("userknownhostsfile"), one("globalknownhostsfile")]),
    identities: paths(identities),
    certificates: paths(lines(/^debug1: certificate file (.*) type -?\d+\r?$/gm)),
    onlyThese: one("identitiesonly"),
    agent: agentOf(one("identityagent")),
    compression: one("compression"),
    proxy: fromOctal(/^debug1: Executing proxy command: exec (.*?)\r?$/m.exec(proxied)?.[1] ?? ""),
    // It prints the tokens as they are, and a shell takes the quotes off.
    jumps: one("proxyjump")
      .replaceAll(/ssh:\/\/|"/g, "")
      .replaceAll("%r", "jane")
      .replaceAll("%h", host),
    prompts: one("numberofpasswordprompts"),
    timeout: one("connecttimeout").replace(/^0$/, "none"),
    attempts: one("connectionattempts"),
    keepAlive: one("tcpkeepalive"),
    smallestRsa: one("requiredrsasize"),
    hashes: one("hashknownhosts"),
    revoked: paths([one("revokedhostkeys")]),
    // Every connection is watched.
    alive: `${one("serveraliveinterval").replace(/^0$/, "15")} ${one("serveralivecountmax")}`,
    kex: one("kexalgorithms"),
    userKeys: one("pubkeyacceptedalgorithms"),
    authorities: one("casignaturealgorithms"),
  };
}

function agentOf(value: string): string {
  if (value === "none") return "";
  if (value === "" || value === "SSH_AUTH_SOCK") return "/run/usual";
  // A relative one is none (doc/ssh.md).
  return value.startsWith("$") ? (env[value.slice(1)] ?? "") : value.replace(/^(?!\/).*/, "");
}

function paths(all: readonly string[]): string {
  return (
    all
      // A relative path is one below the root (doc/ssh.md).
      .map((path) => path.replace(/^(?=nonsense$|\$)/, "/"))
      .filter((path) => path !== "none" && path !== "")
      .join(" ")
      .replace(/(^| )~\//g, `$1${homedir}/`)
  );
}

/** Bytes beyond ASCII are told in octal, and a backslash by two (vis(3)). */
function fromOctal(text: string): string {
  const bytes = text.replace(/\\(\\|[0-3][0-7]{2})/g, (_all, code) =>
    code === "\\" ? code : String.fromCharCode(Number.parseInt(code, 8)),
  );
  return Buffer.from(bytes, "latin1").toString("utf8");
}

type Run = (words: readonly string[]) => Promise<{ status: number; stdout: string; stderr: string }>;

function running(ssh: string): Run {
  return (words) =>
    new Promise((end) => {
      const child = execFile(ssh, [...words], { cwd: "/", env }, (error, stdout, stderr) =>
        end({ status: error === null ? 0 : 255, stdout, stderr }),
      );
      child.stdin?.end();
    });
}

/** What this program takes of it: a Failure where it gives up. */
async function ours(
  ssh: string,
  file: string,
  destination: string,
): Promise<{ facts: Facts; target: Target } | Failure> {
  const decision = decisionFor(destination, { sshConfig: settled(file) });
  // It takes the first ssh on PATH.
  const options = {
    env: { ...env, PATH: `${dirname(ssh)}:${env.PATH}` },
    home: homedir,
    signal: never(),
    note: () => {},
  };
  try {
    const answers = await askSsh(decision, options);
    const local = await readLocal({ uid, home: homedir, env }, decision, answers, never());
    const target = settle(decision, answers, local);
    return { target, facts: factsOf(target) };
  } catch (error) {
    if (error instanceof Failure) return error;
    throw error;
  }
}

/** [USER@]HOST[:PORT], out of the words behind ssh. */
function jumpOf(words: readonly string[]): string {
  const port = words.includes("-p") ? `:${words[words.indexOf("-p") + 1]}` : "";
  const [, user = "", host = ""] = /^(.*@)?(.*)$/.exec(words.at(-1) ?? "") ?? [];
  return `${user}${host.includes(":") ? `[${host}]` : host}${port}`;
}

function factsOf(target: Target): Facts {
  const yes = (value: boolean) => (value ? "yes" : "no");
  const { value: tcp } = target.tcp;
  const { value: allowed } = target.allowed;
  const { value: watching } = target.watching;
  return {
    host: target.host.value,
    port: String(target.port.value),
    name: target.hostKeyName.value,
    family: target.addressFamily.value,
    knownHosts: target.knownHosts.value.join(" "),
    identities: target.identityFiles.value.join(" "),
    certificates: target.certificateFiles.value.join(" "),
    onlyThese: yes(target.identitiesOnly.value),
    agent: target.agent.value ?? "",
    compression: yes(target.compression.value),
    proxy: target.jumps.length > 0 ? "" : (target.proxyCommand.value ?? ""),
    jumps: target.jumps.map(jumpOf).join(","),
    prompts: String(target.passwordPrompts.value),
    timeout: tcp.timeout === undefined ? "none" : String(tcp.timeout / 1000),
    attempts: String(tcp.attempts),
    keepAlive: yes(tcp.keepAlive),
    smallestRsa: String(target.smallestRsa.value),
    hashes: yes(target.hashNames.value),
    revoked: target.revokedHostKeys.value.join(" "),
    alive: `${watching.interval / 1000} ${watching.most}`,
    kex: allowed.kex?.join(",") ?? "",
    userKeys: allowed.userKey?.join(",") ?? "",
    authorities: target.caSignatures.value?.join(",") ?? "",
  };
}

/** The lines in files of their own, below `folder`. */
function write(folder: string, { title, lines, files = {} }: WrittenConfig): string {
  mkdirSync(folder);
  const file = join(folder, "config");
  const end = title.startsWith("no newline") ? "" : "\n";
  for (const [name, text] of Object.entries({ ...files, config: `${lines.join("\n")}${end}` })) {
    const placed = text.replaceAll("FOLDER", folder).replaceAll(/\bME\b/g, username);
    writeFileSync(join(folder, name), placed, { mode: 0o600 });
  }
  return file;
}

async function differences(ssh: string, file: string, one: WrittenConfig): Promise<readonly string[]> {
  const { title, destination = "mail.test" } = one;
  const [wanted, found] = await Promise.all([
    theirs(running(ssh), file, destination),
    ours(ssh, file, destination),
  ]);
  if (wanted === "refused") return found instanceof Failure ? [] : [`${title}: only ssh refuses it`];
  if (found instanceof Failure) return [`${title}: ${found.subject}: ${found.what}`];
  // One bad line spoils one thing: doc/ssh.md.
  if (wanted === "gave up")
    return found.target.passedOver.length > 0 ? [] : [`${title}: ssh gives up, and nothing is passed over`];
  return Object.keys(wanted)
    .filter((key) => wanted[key] !== found.facts[key])
    .map((key) => `${title}: ${key} is ${found.facts[key]}, and for ssh ${wanted[key]}`);
}

for (const [number, ssh] of programs.entries()) {
  test(`each ssh_config says the same to this program as to ${ssh}`, async () => {
    const wrong: string[] = [];
    const left = [...CONFIGS, ...ODD].entries();
    const work = async () => {
      for (const [index, one] of left) {
        const file = write(join(folder, `${number}-${index}`), one);
        wrong.push(...(await differences(ssh, file, one)));
      }
    };
    await Promise.all(Array.from({ length: availableParallelism() + 1 }, work));
    assert.equal(wrong.join("\n"), "");
  });
}
