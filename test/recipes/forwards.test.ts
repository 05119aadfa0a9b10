import assert from "node:assert/strict";
import { test } from "node:test";
import { freePort, runClient } from "../forwards/fixtures.ts";
import { describeForms } from "../peers/binaries.ts";
import { runCall, startCall } from "../peers/call.ts";
import { startSmtp } from "../peers/smtp.ts";
import { poll } from "../peers/waiting.ts";
import { makeScene } from "./scene.ts";

const TIMEOUT = { timeout: 60_000 };

/** What `hostname -d` says, at home and elsewhere. */
const DOMAINS = [
  { domain: "home.net", isHome: true },
  { domain: "lan.home.net", isHome: true },
  { domain: "elsewhere.net", isHome: false },
];

describeForms("the recipes with a condition", (form) => {
  for (const { domain, isHome } of DOMAINS) {
    test(`${isHome ? "forward nothing" : "forward the port"} in ${domain}`, TIMEOUT, async () => {
      await using smtp = await startSmtp();
      const port = await freePort();
      const table = { 2025: port, "mail:25": `127.0.0.1:${smtp.port}` };
      await using scene = await makeScene(form, "home-domain", table);
      scene.home.write("hostname", `#!/bin/sh\necho ${domain}\n`, 0o755);
      const asked = [scene.preauth, "--explain", "work"];
      const explained = await runCall(asked, { env: scene.env, stdio: "pipes" });
      assert.equal(explained.output.includes('held back: at home in "home.net"'), isHome);
      const words = [scene.preauth, "work", "jane", "imap"];
      await using call = await startCall(words, { env: scene.env });
      await call.readUntil(/^\* PREAUTH/);
      const said = isHome ? `"smtp": held back: at home in "home.net"` : `"smtp": carries port ${port}`;
      await poll(
        () => scene.home.log().includes(said),
        said,
        () => scene.home.log(),
      );
      const answer = await runClient({ address: "127.0.0.1", port });
      assert.match(answer, isHome ? /^connect: 111/ : /^220 /);
    });
  }

  test("say that the last leg to another machine is not protected", TIMEOUT, async () => {
    await using scene = await makeScene(form, "shell-server");
    const words = [scene.preauth, "--explain", "shell"];
    const { output } = await runCall(words, { env: scene.env, stdio: "pipes" });
    assert.match(output.toString(), /the last leg from shell to mail:25 is not protected by SSH/);
  });
});
