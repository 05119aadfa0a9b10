import assert from "node:assert/strict";
import { test } from "node:test";
import { describeForms } from "../../peers/binaries.ts";
import { runCall, startCall } from "../../peers/call.ts";
import { startSmtp } from "../../peers/smtp.ts";
import { refusingPort, speakingServer } from "../../peers/tcp.ts";
import { poll } from "../../peers/waiting.ts";
import { freePort, runClient, startListener } from "../../unit/forwards/fixtures.ts";
import { makeScene } from "./recipe_home.ts";

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
      await using smtp = await startSmtp(await freePort());
      const port = await freePort();
      const table = { 2025: port, "mail:25": `127.0.0.1:${smtp.port}` };
      await using scene = await makeScene(form, "home-domain", table);
      scene.home.write("hostname", `#!/bin/sh\necho ${domain}\n`, 0o755);
      const asked = [scene.preauth, "--explain", "work"];
      const explained = await runCall(asked, { env: scene.env, stdio: "pipes" });
      assert.equal(explained.output.includes('not opened: at home in "home.net"'), isHome);
      const words = [scene.preauth, "work", "jane", "imap"];
      await using call = await startCall(words, { env: scene.env });
      await call.readUntil(/^\* PREAUTH/);
      const said = isHome ? `"smtp": not opened: at home in "home.net"` : `"smtp": carries port ${port}`;
      await poll(
        () => scene.home.log().includes(said),
        said,
        () => scene.home.log(),
      );
      const answer = await runClient({ address: "127.0.0.1", port });
      assert.match(answer, isHome ? /^connect: 111/ : /^220 /);
    });
  }

  for (const isHome of [true, false]) {
    const title = isHome ? "forward nothing where the mail server answers" : "forward where it does not";
    test(`${title} by itself`, TIMEOUT, async () => {
      await using smtp = await startSmtp(await freePort());
      const [port, near] = [await freePort(), isHome ? smtp.port : await refusingPort()];
      await using scene = await makeScene(form, "home-reachable", {
        2025: port,
        'to = "mail:25"': `to = "127.0.0.1:${smtp.port}"`,
        'unless.reachable = "mail:25"': `unless.reachable = "127.0.0.1:${near}"`,
      });
      const ask = async (verb: string): Promise<string> => {
        const words = [scene.preauth, verb, "work"];
        return (await runCall(words, { env: scene.env, stdio: "pipes" })).output.toString();
      };
      assert.match(
        await ask("--explain"),
        new RegExp(`"smtp": would carry .*, unless 127.0.0.1:${near} can be reached`),
      );
      assert.equal(await smtp.connections(), 0);
      const said = isHome
        ? `"smtp": not opened: 127.0.0.1:${near} can be reached directly`
        : `"smtp": would carry port ${port}`;
      assert.ok((await ask("--check")).includes(said));
      await using call = await startCall([scene.preauth, "work", "jane", "imap"], { env: scene.env });
      await call.readUntil(/^\* PREAUTH/);
      const logged = said.replace("would carry", "carries");
      await poll(() => scene.home.log().includes(logged), logged, scene.home.log);
      const answer = await runClient({ address: "127.0.0.1", port });
      assert.match(answer, isHome ? /^connect: 111/ : /^220 /);
    });
  }

  test("say that the last leg to another machine is not protected", TIMEOUT, async () => {
    await using scene = await makeScene(form, "shell-server");
    const words = [scene.preauth, "--explain", "shell"];
    const { output } = await runCall(words, { env: scene.env, stdio: "pipes" });
    assert.match(output.toString(), /SSH does not protect the way from shell to mail:25/);
  });
});

/** Recipes with a forward, the port and the target of each, and what --check is said to show. */
const CHECKED = [
  { name: "alpine-send", listen: 2025, to: "mail:25", greeting: "220 mail.test\r\n", protocol: "SMTP" },
  { name: "alpine-news", listen: 2119, to: "news:119", greeting: "201 news.test\r\n", protocol: "NNTP" },
  { name: "fetchmail-pop3", listen: 11110, to: "popserver:110", greeting: "+OK\r\n", protocol: "POP3" },
];

describeForms("--check work, for a recipe that does not work,", (form) => {
  for (const { name, listen, to, greeting, protocol } of CHECKED) {
    test(`names who has the port, and what the target says: ${name}`, TIMEOUT, async () => {
      await using target = await speakingServer(greeting);
      await using other = await startListener();
      const table = { [listen]: other.port, [to]: `127.0.0.1:${target.port}` };
      await using scene = await makeScene(form, name, table);
      const words = [scene.preauth, "--check", "work"];
      const { status, output, stderr } = await runCall(words, { env: scene.env, stdio: "pipes" });
      assert.equal(status, 0, stderr);
      assert.match(
        output.toString(),
        new RegExp(`: port ${other.port} is in use by perl \\(pid ${other.pid}\\) of`),
      );
      assert.match(output.toString(), new RegExp(`^  through work: .* answers as ${protocol}: `, "m"));
      assert.match(output.toString(), /^SELECT INBOX .*\(3 messages\)$/m);
    });
  }
});
