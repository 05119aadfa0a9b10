import assert from "node:assert/strict";
import { forms } from "../../peers/binaries.ts";
import { runCall } from "../../peers/call.ts";
import { makeHome, tableFor } from "../../peers/home.ts";
import type { MailHost } from "../../peers/mail_host.ts";
import { converse, MAIL } from "../calls/client.ts";

// What happens on the server is the same for both.
const [form] = forms;

/** The server's answers to a client that opens INBOX, marks a message, and leaves. */
export async function open(host: MailHost, keys: Readonly<Record<string, string>> = {}): Promise<string> {
  using home = makeHome();
  home.writeTable(tableFor(host.sshd, keys));
  const input = "a1 SELECT INBOX\r\na2 STORE 1 +FLAGS (\\Flagged)\r\na3 LOGOUT\r\n";
  const { output } = await runCall([...(form?.argv ?? []), ...MAIL], { env: home.env, input });
  return output.toString("latin1");
}

/** What --check makes of it: its status, its results, and its trouble. */
export async function check(host: MailHost, keys: Readonly<Record<string, string>> = {}) {
  using home = makeHome();
  home.writeTable(tableFor(host.sshd, keys));
  const words = [...(form?.argv ?? []), "--check", "mail.test"];
  const { status, output, stderr } = await runCall(words, { env: home.env, stdio: "pipes" });
  return { status, text: output.toString(), stderr };
}

/** Why a client does not get the mailbox, and what the log has. */
export async function reason(host: MailHost): Promise<{ readonly said: string; readonly log: string }> {
  using home = makeHome();
  home.writeTable(tableFor(host.sshd));
  const { output } = await converse([...(form?.argv ?? []), ...MAIL], { env: home.env });
  const text = output.toString("latin1");
  return { said: /\* BYE preauth: mail\.test: (.*)\r\n/.exec(text)?.[1] ?? text, log: home.log() };
}

/** Asserts that INBOX was opened with so many messages, and that one of them could be marked. */
export function assertWritable(answers: string, messages: number): void {
  assert.match(answers, /^\* PREAUTH /);
  assert.match(answers, new RegExp(`^\\* ${messages} EXISTS\\r$`, "m"));
  assert.match(answers, /^a1 OK \[READ-WRITE\] /m);
  if (messages > 0) assert.match(answers, /^\* 1 FETCH .*\\Flagged/m);
}
