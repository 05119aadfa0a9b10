import assert from "node:assert/strict";
import { test } from "node:test";
import { describeForms } from "../../peers/binaries.ts";
import { startNntp } from "../../peers/nntp.ts";
import { startSmtp } from "../../peers/smtp.ts";
import { freePort } from "../../unit/forwards/fixtures.ts";
import { makeScene, writeLetter } from "./recipe_home.ts";

const TIMEOUT = { timeout: 60_000 };

describeForms("Alpine with a recipe", { concurrency: 2 }, (form) => {
  for (const name of ["alpine-send", "shell-server"]) {
    test(`sends mail: ${name}`, TIMEOUT, async () => {
      await using smtp = await startSmtp(await freePort());
      const port = await freePort();
      await using scene = await makeScene(form, name, { 2025: port, "mail:25": `127.0.0.1:${smtp.port}` });
      await using alpine = await scene.alpine({ 2025: port });
      await writeLetter(alpine);
      const letter = await smtp.letter();
      assert.deepEqual(letter.to, ["joe@isp.com"]);
      assert.match(letter.text, /^Subject: Sent by recipe$/m);
      assert.match(letter.text, /^It works\.$/m);
      await alpine.waitFor(/MESSAGE INDEX/, "the list again");
      alpine.keys("q");
      assert.equal(await alpine.ended(), 0);
    });
  }

  for (const domain of ["home.net", "elsewhere.net"]) {
    test(`sends mail in ${domain}: home-domain`, TIMEOUT, async () => {
      await using far = await startSmtp(await freePort());
      await using near = await startSmtp(await freePort());
      const port = await freePort();
      const table = { 2025: port, "mail:25": `127.0.0.1:${far.port}` };
      const trusting = { SSL_CERT_FILE: near.certificate };
      await using scene = await makeScene(form, "home-domain", table, trusting);
      scene.home.write("hostname", `#!/bin/sh\necho ${domain}\n`, 0o755);
      await using alpine = await scene.alpine({ 2025: port, "mail.home.net:587": `localhost:${near.port}` });
      await writeLetter(alpine);
      const [taken, other] = domain === "home.net" ? [near, far] : [far, near];
      assert.deepEqual((await taken.letter()).to, ["joe@isp.com"]);
      assert.equal(await other.connections(), 0);
      await alpine.waitFor(/MESSAGE INDEX/, "the list again");
      alpine.keys("q");
      assert.equal(await alpine.ended(), 0);
    });
  }

  for (const [who, tls, said] of [
    ["offers no TLS", false, /TLS unavailable with this server/],
    ["has a certificate that nobody trusts", true, /self[- ]signed certificate/i],
  ] as const) {
    test(`sends nothing by the word of a network that says home.net and ${who}`, TIMEOUT, async () => {
      await using near = await startSmtp(await freePort(), { tls });
      const port = await freePort();
      await using scene = await makeScene(form, "home-domain", { 2025: port });
      scene.home.write("hostname", "#!/bin/sh\necho home.net\n", 0o755);
      await using alpine = await scene.alpine({ 2025: port, "mail.home.net:587": `localhost:${near.port}` });
      await writeLetter(alpine);
      await alpine.waitFor(said, "the reason");
      assert.equal(near.letters(), 0);
    });
  }

  test("says what the document says when nobody listens, and keeps the letter", TIMEOUT, async () => {
    const port = await freePort();
    const table = { 2025: port, '"mail:25"': '"mail:25"\nunless.domain = "home.net"' };
    await using scene = await makeScene(form, "alpine-send", table);
    scene.home.write("hostname", "#!/bin/sh\necho home.net\n", 0o755);
    await using alpine = await scene.alpine({ 2025: port });
    await writeLetter(alpine);
    await alpine.waitFor(/Connection refused/, "the reason");
    await alpine.waitFor(/COMPOSE MESSAGE[\s\S]*It works\./, "the letter in the composer");
  });

  test("opens a news group", TIMEOUT, async () => {
    const articles = [
      { subject: "Hello, net", body: "First of all.\n" },
      { subject: "Re: it", body: "So.\n" },
    ];
    await using nntp = await startNntp("comp.mail.pine", articles);
    const port = await freePort();
    const table = { 2119: port, "news:119": `127.0.0.1:${nntp.port}` };
    await using scene = await makeScene(form, "alpine-news", table);
    scene.home.write(".newsrc", "comp.mail.pine:\n");
    await using alpine = await scene.alpine({ 2119: port });
    await alpine.waitFor(/Minutes of the meeting/, "the list of messages");
    alpine.keys("l");
    await alpine.waitFor(/News on localhost/, "the list of collections");
    alpine.keys("Down", "Enter");
    await alpine.waitFor(/comp\.mail\.pine/, "the list of news groups");
    alpine.keys("Enter");
    await alpine.waitFor(/Hello, net/, "the list of articles");
    alpine.keys("Enter");
    await alpine.waitFor(/First of all\./, "the text of the first article");
    assert.ok(nntp.connections > 0);
  });
});
