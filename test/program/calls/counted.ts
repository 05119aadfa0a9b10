import assert from "node:assert/strict";
import type { Form } from "../../peers/binaries.ts";
import { startCall } from "../../peers/call.ts";
import { type Home, type HostLines, tableFor } from "../../peers/home.ts";
import type { RoundProxy } from "../../peers/rounds.ts";
import type { Sshd } from "../../peers/sshd.ts";

export type Server = Pick<Sshd, "host" | "port" | "user" | "identity" | "knownHosts">;

/** Writes the table for a mailbox behind a proxy that counts. */
export function settle(home: Home, server: Server, proxy: RoundProxy, keys: HostLines = {}): void {
  const alias = `HostKeyAlias [127.0.0.1]:${server.port}\n`;
  const config = home.write("ssh_config", alias);
  home.writeTable(tableFor({ ...server, port: proxy.port }, { ssh_config: config, ...keys }));
}

/** The round trips to the greeting; the call then ends in order. */
export async function roundsOf(form: Form, home: Home, proxy: RoundProxy, env = home.env): Promise<number> {
  await using call = await startCall([...form.argv, "mail.test", "jane", "imap"], { env });
  await call.readUntil(/^\* PREAUTH .*\r\n/);
  const { rounds } = proxy;
  call.write("A1 LOGOUT\r\n");
  call.end();
  const { status, output } = await call.finished();
  assert.match(output.toString(), /A1 OK /);
  assert.equal(status, 0);
  return rounds;
}
