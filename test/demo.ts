import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { Dialogue, timeToGreeting } from "./demo/dialogue.ts";
import { page, timesTable } from "./demo/page.ts";
import { alpineWords, THREE_WORDS } from "./peers/alpine.ts";
import { startCall } from "./peers/call.ts";
import { type Mailbox, makeMailbox } from "./peers/dovecot.ts";
import { type Home, makeHome, tableFor } from "./peers/home.ts";
import { program } from "./peers/programs.ts";
import { type Sshd, startSshd } from "./peers/sshd.ts";

/** What the demo is about: a server of the table, one whose key has changed, one that is not in the table. */
const SERVER = "mail.example.org";
const CHANGED = "changed.example.org";
const UNKNOWN = "imap.example.com";
const USER = "jane";
const ROUNDS = 5;

const preauth = fileURLToPath(new URL("../dist/preauth", import.meta.url));

/** Throws when a part did not do what it should. */
function expect(condition: boolean, what: string): void {
  if (!condition) throw new Error(`not as it should be: ${what}`);
}

interface Stage {
  readonly sshd: Sshd;
  readonly mailbox: Mailbox;
  readonly home: Home;
}

function showTable({ sshd, mailbox, home }: Stage): void {
  const table = tableFor(sshd, { match: SERVER, user: undefined, "commands.imap": mailbox.command });
  const changed = { match: CHANGED, known_hosts: sshd.knownHostsFile("wrong") };
  home.writeTable(`${table}\n${tableFor(sshd, { ...changed, "commands.imap": mailbox.command })}`);
  page.heading("1. The table: which server is reached how");
  page.block(table);
  page.blank();
  page.text(
    "A table usually has match, server and user. The other lines lead to the demo's own server and mailbox, " +
      "without your ~/.ssh, and with a login for each call.",
  );
}

function explain({ home, sshd }: Stage): void {
  const words = ["--explain", SERVER, sshd.user, "imap"];
  page.heading(`2. What preauth makes of it: preauth ${words.join(" ")}`);
  const result = spawnSync(preauth, words, { env: home.env, encoding: "utf8" });
  page.block(result.stdout);
  expect(result.status === 0, `--explain ended with status ${result.status}: ${result.stderr}`);
}

async function readMail({ home, sshd, mailbox }: Stage): Promise<void> {
  page.heading(`3. Alpine's call: preauth ${SERVER} ${sshd.user} imap`);
  await using call = await startCall([preauth, SERVER, sshd.user, "imap"], { env: home.env });
  const client = new Dialogue(call);
  await client.greeting();
  await client.command("SELECT INBOX");
  const fetched = await client.command("FETCH 1 BODY[HEADER.FIELDS (SUBJECT)]");
  expect(fetched.includes(mailbox.subjects[0] ?? "?"), "the first message has its subject");
  await client.command("LOGOUT");
  const { status, output } = await call.finished();
  expect(status === 0, `the call ended with status ${status}`);
  expect(/^A3 OK .*\r\n$/m.test(output.toString("latin1")), "nothing came after the answer to LOGOUT");
}

async function compare({ home, sshd, mailbox }: Stage): Promise<void> {
  page.heading("4. Milliseconds from the start to the greeting, cold, in turns");
  const options = ["BatchMode=yes", "IdentitiesOnly=yes", `UserKnownHostsFile=${sshd.knownHosts}`];
  const words = ["-F", "none", "-T", "-i", sshd.identity, "-p", String(sshd.port)];
  const where = [`${sshd.user}@${sshd.host}`, mailbox.command];
  const ssh = [program("ssh"), ...words, ...options.flatMap((option) => ["-o", option]), ...where];
  const ours: number[] = [];
  const theirs: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    ours.push(await timeToGreeting([preauth, SERVER, sshd.user, "imap"], home));
    theirs.push(await timeToGreeting(ssh, home));
  }
  page.block(
    timesTable([
      { name: "preauth", times: ours },
      { name: "ssh", times: theirs },
    ]),
  );
}

async function refuseUnknown({ home }: Stage): Promise<void> {
  page.heading(`5. A server that is not in the table: preauth ${UNKNOWN} ${USER} imap`);
  await using call = await startCall([preauth, UNKNOWN, USER, "imap"], { env: home.env });
  const { status, output } = await call.finished();
  const time = Math.round(performance.now() - call.started);
  page.text(`Not a byte, exit status ${status}, after ${time} ms: Alpine connects directly, at once.`);
  expect(status === 1 && output.length === 0, `status ${status}, output "${output}"`);
}

async function refuseChangedKey({ home, sshd }: Stage): Promise<void> {
  page.heading(`6. A server whose host key has changed: preauth ${CHANGED} ${sshd.user} imap`);
  await using call = await startCall([preauth, CHANGED, sshd.user, "imap"], { env: home.env });
  const client = new Dialogue(call);
  await client.greeting();
  const answer = await client.command("SELECT INBOX", true);
  const { status } = await call.finished();
  page.blank();
  page.text(
    `Exit status ${status}. Alpine shows the reason, and does not turn to port 143 with your password, ` +
      "as it would after silence.",
  );
  expect(status === 77 && /^\* BYE preauth: .*key/m.test(answer), `status ${status}`);
}

function sayWhatNext(): void {
  page.heading("What next");
  page.block(
    [
      "npm run demo -- --alpine     real Alpine on the same server and mailbox",
      "dist/preauth --help          all that it does",
      "README.md                    has the lines for your ~/.pinerc",
    ].join("\n"),
  );
  page.blank();
}

/** Real Alpine in the user's own terminal. */
async function runAlpine({ home, sshd, mailbox }: Stage): Promise<void> {
  home.writeTable(tableFor(sshd, { match: SERVER, user: undefined, "commands.imap": mailbox.command }));
  const folder = `{${SERVER}/user=${sshd.user}}`;
  const rshPath = home.link("preauth", preauth);
  const lines = { rshPath, rshCommand: THREE_WORDS, inbox: `${folder}INBOX`, folders: `Mail ${folder}[]` };
  const [alpine = "", ...words] = alpineWords(home, lines);
  const env = { ...home.env, TERM: process.env.TERM ?? "xterm" };
  const result = spawnSync(alpine, words, { env, stdio: "inherit" });
  page.heading("What preauth wrote into its log");
  page.block(home.log());
  expect(result.status === 0, `alpine ended with status ${result.status}`);
}

async function main(options: readonly string[]): Promise<void> {
  const alpine = options.length === 1 && options[0] === "--alpine";
  if (options.length > 0 && !alpine) throw new Error(`"${options.join(" ")}" is not --alpine`);
  if (alpine && process.stdout.isTTY !== true) throw new Error("--alpine needs a terminal");
  if (!existsSync(preauth)) throw new Error(`${preauth} is missing: npm run build`);

  const interrupted = interruption();
  using home = makeHome();
  using mailbox = makeMailbox();
  await using sshd = await startSshd();
  const stage = { home, mailbox, sshd };
  const running = alpine ? runAlpine(stage) : runAll(stage);
  try {
    await Promise.race([interrupted, running]);
  } finally {
    // Without its server a call that is under way ends; before that its log would make the home anew.
    await sshd.stop();
    await Promise.allSettled([running]);
  }
}

/** Never fulfilled; rejected by Ctrl-C and the like, so that everything is cleaned up on the way out. */
function interruption(): Promise<never> {
  const interrupted = new Promise<never>((_resolve, reject) => {
    for (const name of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
      process.once(name, () => reject(new Error(`ended by ${name}`)));
    }
  });
  // It may come while nobody waits for it yet.
  interrupted.catch(() => page.silence());
  return interrupted;
}

async function runAll(stage: Stage): Promise<void> {
  page.text(`An SSH server of its own on ${stage.sshd.host}:${stage.sshd.port}, Dovecot behind it.`);
  showTable(stage);
  explain(stage);
  await readMail(stage);
  await compare(stage);
  await refuseUnknown(stage);
  await refuseChangedKey(stage);
  sayWhatNext();
}

try {
  await main(process.argv.slice(2));
} catch (error) {
  process.stderr.write(`demo: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
