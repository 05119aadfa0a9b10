import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { forms } from "../../peers/binaries.ts";
import { program } from "../../peers/programs.ts";
import { openTerminal } from "../../peers/terminal.ts";
import { makeScene, type Scene } from "./recipe_home.ts";
import { recipe } from "./recipes.ts";

const TIMEOUT = { timeout: 60_000 };

// It takes seconds to start, and calls either form alike.
const [form = assert.fail()] = forms;

/** Real Gnus on the recipe, in the buffer of its groups. */
function openGnus(scene: Scene) {
  const own = [
    '(setq gnus-startup-file (expand-file-name "~/.newsrc") gnus-save-newsrc-file nil gnus-read-newsrc-file nil)',
    "(setq gnus-save-killed-list nil gnus-check-new-newsgroups nil gnus-interactive-exit nil inhibit-startup-screen t)",
    '(setq mail-sources nil gnus-agent nil gnus-novice-user nil gnus-home-directory "~/" gnus-directory "~/News/")',
  ].join("\n");
  const file = scene.home.write(
    "gnus.el",
    `${own}\n${recipe("gnus", "emacs")}\n(gnus)\n(gnus-subscribe-group "INBOX")\n(gnus-group-get-new-news)\n`,
  );
  return openTerminal([program("emacs"), "-nw", "-Q", "-l", file], { env: scene.env, columns: 120 });
}

describe("the recipe for Gnus", { concurrency: 2 }, () => {
  test("has the mailboxes in its list of groups", TIMEOUT, async () => {
    await using scene = await makeScene(form, "gnus");
    await using gnus = await openGnus(scene);
    await gnus.waitFor(/ 3: INBOX/, "the group and its messages");
    assert.match(scene.home.log(), / work: imap: open /);
  });

  test("has a refusal shown as one", TIMEOUT, async () => {
    await using scene = await makeScene(form, "gnus", {
      '"tell"': '"tell"\nknown_hosts = "/nowhere"',
    });
    await using gnus = await openGnus(scene);
    await gnus.waitFor(/(Cannot|Unable to|open error|denied)/i, "that it cannot be opened");
  });
});
