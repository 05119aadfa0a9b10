import { join } from "node:path";
import { test } from "node:test";
import { startAgent } from "../../peers/agent.ts";
import { describeForms } from "../../peers/binaries.ts";
import { startCall } from "../../peers/call.ts";
import { makeHome, tableFor } from "../../peers/home.ts";
import { makeKey } from "../../peers/keys.ts";
import { trace } from "../../peers/strace.ts";
import { silentServer } from "../../peers/tcp.ts";

describeForms("while the server has said nothing yet", (form) => {
  test("known_hosts and the keys have been read, and the agent has been asked for its own", async () => {
    using home = makeHome();
    const key = makeKey(join(home.path, "key"));
    const other = makeKey(join(home.path, "other"));
    await using agent = await startAgent([other.path]);
    await using server = await silentServer();
    const knownHosts = home.write("known_hosts", `[127.0.0.1]:${server.port} ${other.line}\n`);
    const where = {
      ...{ host: "127.0.0.1", port: server.port, user: "jane" },
      identity: key.path,
      knownHosts,
    };
    home.writeTable(tableFor(where));
    const calls = trace(home, ["open", "openat", "connect", "sendto", "write", "writev", "sendmsg"]);
    await using call = await startCall([...form.argv, "mail.test", "jane", "imap"], {
      env: { ...home.env, SSH_AUTH_SOCK: agent.socket },
      under: calls.under,
    });
    await server.connected();
    for (const file of [key.path, knownHosts]) await calls.seen(new RegExp(`open(at)?\\(.*"${file}"`));
    await calls.seen(new RegExp(`connect\\(.*"${agent.socket}"`));
    // SSH_AGENTC_REQUEST_IDENTITIES, which has no contents.
    await calls.seen(/(send|write)\w*\(.*"\\0\\0\\0\\1\\v"/);
    call.hangUp();
  });
});
