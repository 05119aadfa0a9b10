/*
 * Uses a program as a mail client does, against an SSH server and Dovecot of its own: a refusal, calls with a connection of
 * their own and a shared one, --check, --status and --stop. For whatever form the program comes in:
 *
 *   node --import tsx test/release/exercise.ts VERSION BETWEEN LOGINS WORD...
 *
 * WORD...: what starts it; BETWEEN: a command of a shell's that is run between two shared calls, or nothing; LOGINS: how many
 * it may make: two, unless it is too slow for a call to wait for the process in the background, which is then tried again.
 *
 * Prints a line for each thing that was seen; ends with status 1 at the first that was not.
 */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { startCall } from "../peers/call.ts";
import { makeMailbox } from "../peers/dovecot.ts";
import { makeHome, tableFor } from "../peers/home.ts";
import { startSshd } from "../peers/sshd.ts";

/** What an emulated program may take for a call (milliseconds); the table's deadline is longer than usual, too. */
const PATIENCE = 120_000;

async function exercise(
  version: string,
  between: string,
  mostLogins: number,
  argv: readonly string[],
): Promise<void> {
  using home = makeHome();
  using mailbox = makeMailbox();
  await using sshd = await startSshd();
  const keys = { "commands.imap": mailbox.command, deadline: "100s" };
  const direct = tableFor(sshd, { ...keys, match: "direct.test", share: false });
  home.writeTable(`${direct}\n${tableFor(sshd, { ...keys, match: "shared.test", share: true })}`);
  const options = { env: home.env };
  const run = async (...words: readonly string[]) => {
    await using call = await startCall([...argv, ...words], options);
    call.end();
    return await call.finished(PATIENCE);
  };

  const { output } = await run("--version");
  assert.equal(output.toString(), `preauth ${version}\n`);
  console.log(`--version: ${output.toString().trim()}`);

  const unknown = await run("unknown.test", "jane", "imap");
  assert.deepEqual([unknown.status, unknown.output.length], [1, 0]);
  console.log("a server that is not in the table: status 1, not a byte");

  const open = async (server: string): Promise<void> => {
    await using call = await startCall([...argv, server, "jane", "imap"], options);
    await call.readUntil(/^\* PREAUTH .*\r\n/, PATIENCE);
    call.write("A1 SELECT INBOX\r\nA2 LOGOUT\r\n");
    await call.readUntil(/^A2 OK .*\r\n$/m, PATIENCE);
    assert.equal((await call.finished(PATIENCE)).status, 0);
    if (server === "shared.test" && between !== "") execFileSync("sh", ["-c", between], { stdio: "ignore" });
    console.log(`${server}: INBOX opened and closed`);
  };
  for (const server of ["direct.test", "shared.test", "shared.test"]) await open(server);
  const isHeld = async () => (await run("--status")).output.toString().includes("shared.test");
  for (let left = mostLogins - sshd.logins(); left > 0 && !(await isHeld()); left--)
    await open("shared.test");
  assert.ok(sshd.logins() >= 2 && sshd.logins() <= mostLogins, `${sshd.logins()} logins`);
  console.log(`${sshd.logins()} logins in all`);

  assert.ok(await isHeld());
  console.log("--status: shared.test");
  const check = await run("--check", "direct.test", "jane");
  assert.equal(check.status, 0, check.output.toString());
  console.log("--check: status 0");
  assert.equal((await run("--stop")).status, 0);
  assert.ok(!(await isHeld()));
  console.log("--stop: nothing is held any more");
}

const [version = "", between = "", mostLogins = "2", ...argv] = process.argv.slice(2);
await exercise(version, between, Number(mostLogins), argv);
