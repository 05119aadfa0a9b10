import assert from "node:assert/strict";
import { test } from "node:test";
import { describeForms } from "../peers/binaries.ts";
import { runCall } from "../peers/call.ts";
import { program } from "../peers/programs.ts";
import { makeSendmail } from "../peers/sendmail.ts";
import { recipe } from "./recipes.ts";
import { makeScene, writeLetter } from "./scene.ts";

const TIMEOUT = { timeout: 60_000 };
const SENDMAIL = "/usr/sbin/sendmail";

describeForms("a sendmail behind SSH", { concurrency: 2 }, (form) => {
  test("gets Alpine's letters by sendmail-path, with those of Bcc", TIMEOUT, async () => {
    using sendmail = makeSendmail();
    await using scene = await makeScene(form, "sendmail", { [SENDMAIL]: sendmail.path });
    await using alpine = await scene.alpine({ "/usr/local/bin/preauth": scene.preauth }, [
      "customized-hdrs=Bcc: ann@isp.com",
    ]);
    await writeLetter(alpine);
    const { text, words } = await sendmail.posted();
    assert.deepEqual(words, ["-t", "-oi"]);
    assert.match(text, /^To: joe@isp\.com\r?$/m);
    assert.match(text, /^Bcc: ann@isp\.com\r?$/im);
    assert.match(text, /^Subject: Sent by recipe\r?$/m);
    assert.match(text, /^It works\.\r?$/m);
    await alpine.waitFor(/MESSAGE INDEX/, "the list again");
    alpine.keys("q");
    assert.equal(await alpine.ended(), 0);
  });

  test("gets mutt's letters, with the recipients of Bcc in the header", TIMEOUT, async () => {
    using sendmail = makeSendmail();
    await using scene = await makeScene(form, "sendmail", { [SENDMAIL]: sendmail.path });
    scene.home.write("bin/sendmail-work", recipe("sendmail", "script"), 0o755);
    const file = scene.home.write("muttrc", `set copy=no\n${recipe("sendmail", "muttrc")}`);
    const words = ["-n", "-F", file, "-s", "From mutt", "-b", "ann@isp.com", "joe@isp.com"];
    const input = "It works.\n.\nTo the end.\n";
    const ended = await runCall([program("mutt"), ...words], { env: scene.env, stdio: "pipes", input });
    assert.equal(ended.status, 0, ended.stderr);
    const { text } = await sendmail.posted();
    assert.match(text, /^To: joe@isp\.com$/m);
    assert.match(text, /^Bcc: joe@isp\.com\nBcc: ann@isp\.com\n/);
    assert.match(text, /^Subject: From mutt$/m);
    assert.ok(text.endsWith(input), text);
  });
});
