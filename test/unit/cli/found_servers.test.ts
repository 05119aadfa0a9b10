import assert from "node:assert/strict";
import { test } from "node:test";
import { foundServers } from "../../../src/cli/found_servers.ts";
import { makeHome } from "../../peers/home.ts";

test("servers are found in the configuration of mail programs and of ssh, each once, with their users", () => {
  using home = makeHome();
  home.write(
    ".pinerc",
    "inbox-path={imap.one.org/user=jane/ssl}INBOX\nfolder-collections={IMAP.one.org}[]\n",
  );
  home.write(".muttrc", 'set folder="imaps://joe%40two@imap.two.org:993/"\n');
  home.write(".mbsyncrc", "IMAPAccount x\nHost imap.three.org\nUser tom\n\nIMAPStore y\nAccount x\n");
  home.write(
    ".fetchmailrc",
    'poll four via imap.four.org protocol imap\n  user "ann" there\npoll pop.five.org\n',
  );
  home.write(".offlineimaprc", "[Repository r]\nremotehost = imap.six.org\nremoteuser = sue\n");
  home.write(
    ".ssh/config",
    "Include conf.d/*\nHost seven *.isp.com\n  User dan\nMatch host x\n  User no\nHost one\n",
  );
  home.write(".ssh/conf.d/a", "Host eight\n  User=eve\n");
  const found = foundServers({ env: {}, home: home.path, uid: 0 });
  assert.deepEqual(
    found.map(({ name, user, from }) => [name, user, from]),
    [
      ["imap.one.org", "jane", "~/.pinerc"],
      ["imap.two.org", "joe@two", "~/.muttrc"],
      ["imap.three.org", "tom", "~/.mbsyncrc"],
      ["imap.six.org", "sue", "~/.offlineimaprc"],
      ["imap.four.org", "ann", "~/.fetchmailrc"],
      ["pop.five.org", undefined, "~/.fetchmailrc"],
      ["eight", "eve", "~/.ssh/config"],
      ["seven", "dan", "~/.ssh/config"],
      ["one", undefined, "~/.ssh/config"],
    ],
  );
});

test("quotes, comments, and files that are read in from others are understood", () => {
  using home = makeHome();
  home.write(
    ".muttrc",
    [
      "# set folder=imap://no@comment.org/",
      'set imap_user="mu tt"',
      "set folder=imap://one.org/",
      'source "~/more of it"',
      "source .muttrc2 # comment",
    ].join("\n"),
  );
  home.write("more of it", "mailboxes {two.org:993/ssl/user=ann}INBOX\nsource '~/more of it'\n");
  home.write(".muttrc2", "set spoolfile=imaps://three.org\n");
  home.write(".mbsyncrc", 'IMAPStore a\nhost "four.org"\nUser "m b" # me\n# User no\n');
  home.write(
    ".fetchmailrc",
    '# poll no.org\npoll "five.org" pass "of user bob" user \'jane doe\';\npoll six.org # user no\n',
  );
  home.write(
    ".ssh/config",
    'Include "~/other file" config\nHost=seven "eight" # nine\n\tUser = "bob smith"\r\n',
  );
  home.write("other file", 'Host ten\nInclude "~/other file" "~/other file"\n');
  const found = foundServers({ env: {}, home: home.path, uid: 0 });
  assert.deepEqual(
    found.map(({ name, user }) => [name, user]),
    [
      ["one.org", "mu tt"],
      ["two.org", "ann"],
      ["three.org", undefined],
      ["four.org", "m b"],
      ["five.org", "jane doe"],
      ["six.org", undefined],
      ["ten", undefined],
      ["seven", "bob smith"],
      ["eight", "bob smith"],
    ],
  );
});

test("nothing is found where there is nothing", () => {
  using home = makeHome();
  assert.deepEqual(foundServers({ env: {}, home: home.path, uid: 0 }), []);
});
