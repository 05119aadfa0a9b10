import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { parseCall } from "../../../src/call/words.ts";
import { Failure } from "../../../src/failure.ts";

const usage = (words: readonly string[]): string => {
  try {
    parseCall(words);
  } catch (error) {
    assert.ok(error instanceof Failure);
    assert.equal(error.trouble, "usage");
    assert.equal(error.status, 64);
    return error.message;
  }
  assert.fail(`was taken: ${words.join(" ")}`);
};

describe("the words of a mail call", () => {
  const call = { kind: "mail", server: "mail.isp.com", user: "joe", method: "imap", recipients: [] };

  for (const words of [
    "mail.isp.com joe imap",
    "mail.isp.com -l joe exec /etc/rimapd",
    "mail.isp.com -l joe /etc/rimapd",
    "mail.isp.com -q -l joe exec /etc/rimapd",
    "mail.isp.com -q -a -x -T -l joe exec /etc/rimapd",
  ]) {
    test(`"${words}" is one`, () => assert.deepEqual(parseCall(words.split(" ")), call));
  }

  test("recipients may come behind it, after two dashes, unless it is for imap", () => {
    const words = ["mail.isp.com", "joe", "sendmail", "--", "ann@isp.com", "-oi", "--", "a b"];
    const recipients = ["ann@isp.com", "-oi", "--", "a b"];
    assert.deepEqual(parseCall(words), { ...call, method: "sendmail", recipients });
    const many = Array.from({ length: 1001 }, () => "ann@isp.com");
    assert.equal(usage(["h", "u", "smtp", "--", ...many]), 'usage: more than 1000 addresses behind "--"');
    assert.equal(parseCall(["h", "u", "smtp", "--", ...many.slice(1)]).kind, "mail");
    for (const word of ["", "a\nb", "a\0b", "\x7f", "\x1b[2J", "é".repeat(161)]) {
      assert.equal(
        usage(["h", "u", "smtp", "--", "ann@isp.com", word]),
        `usage: "${word}" is not an address`,
      );
    }
  });

  for (const [words, sender, recipients] of [
    ["-f jane@isp.com", "jane@isp.com", []],
    ["-fjane@isp.com -i -oi -t -oem -odb -B8BITMIME", "jane@isp.com", []],
    ["-r jane -- joe@isp.com ann", "jane", ["joe@isp.com", "ann"]],
    ["-i -f <jane+x@isp.com> joe@isp.com ann@isp.com", "jane+x@isp.com", ["joe@isp.com", "ann@isp.com"]],
    ["-f <> -em -bm -m joe@isp.com -oi -- -x", "", ["joe@isp.com", "-x"]],
    ["-F Jane -N failure,delay -R hdrs -V x -FJane -Nnever -B 7BIT", undefined, []],
    ["-f SRS0=a/b~c=TT=isp.com=joe#1%2@lists.isp.com", "SRS0=a/b~c=TT=isp.com=joe#1%2@lists.isp.com", []],
    ["-ti -v -imv -U -o i -OErrorMode=m -O DeliveryMode=b -t", undefined, []],
    ["-Ac -G -n -ee -h 3 -L work -p ESMTP -hh -t", undefined, []],
    // Debian's cron, and cronie; anacron; at.
    ["-i -FCronDaemon -B8BITMIME -oem root", undefined, ["root"]],
    ["-FCronDaemon -i -odi -oem -oi -t -f root", "root", []],
    ["-FAnacron -odi root", undefined, ["root"]],
    ["-i jane.doe", undefined, ["jane.doe"]],
    ["-f first@isp.com -f last@isp.com", "last@isp.com", []],
  ] as const) {
    test(`what mail programs add to a sendmail is taken: ${words}`, () => {
      const expected = { ...call, method: "sendmail", recipients, ...(sender !== undefined && { sender }) };
      assert.deepEqual(parseCall(["mail.isp.com", "joe", "sendmail", ...words.split(" ")]), expected);
      if (words.startsWith("-f j")) {
        assert.deepEqual(
          parseCall(["-oi", "mail.isp.com", "joe", "sendmail", ...words.split(" ")]),
          expected,
        );
      }
      for (const method of ["imap", "smtp"]) usage(["mail.isp.com", "joe", method, ...words.split(" ")]);
    });
  }

  test("a sender that means something to a shell, or could be an option, is none", () => {
    const evil = [
      "$(id)",
      "`id`",
      "a;b",
      "a'b",
      "a\\b",
      "a!b",
      "a b",
      "a\nb",
      "-x",
      "a@-x",
      "a@b@c",
      "a\0",
      "é",
      "a|b",
      '"a"@b',
    ];
    for (const sender of [
      ...evil,
      "*",
      "~",
      "=ls",
      "a&",
      "a<b",
      "a>b",
      "<a",
      "a@b;c",
      "a@b\n",
      "{a,b}",
      "x".repeat(321),
    ]) {
      for (const words of [["-f", sender], [`-f${sender}`]]) {
        assert.match(usage(["h", "u", "sendmail", ...words]), /is not a sender of letters, digits and/);
      }
    }
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), (text) => {
        let call: ReturnType<typeof parseCall>;
        try {
          call = parseCall(["h", "u", "sendmail", `-f${text}`, "-t"]);
        } catch (error) {
          return assert.ok(error instanceof Failure);
        }
        assert.match((call as { sender?: string }).sender ?? "-t", /^[\w.+=%~/#@-]*$/);
      }),
    );
  });

  test("a user 007 stays what it is", () => {
    assert.equal((parseCall(["h", "007", "imap"]) as { user?: string }).user, "007");
    assert.equal((parseCall(["h", "-l", "007", "/etc/rimapd"]) as { user?: string }).user, "007");
  });

  for (const [words, message] of [
    ["", "usage: SERVER, USER and METHOD are missing"],
    ["h", "usage: USER and METHOD are missing"],
    ["h u", "usage: METHOD is missing"],
    ["h u imap -- x", 'usage: one word too many: "--"'],
    ["h u smtp --", 'usage: no address behind "--"'],
    ["h u smtp x -- y", 'usage: one word too many: "x"'],
    ["h u -- x", 'METHOD: "--" is not a method such as imap'],
    ["h -l u exec /etc/rsmtpd -- x", 'usage: "exec /etc/rsmtpd -- x" is not exec /etc/rMETHODd'],
    ["h u sendmail -X x", 'usage: "-X" is not a word that mail programs give to a sendmail'],
    ["h u sendmail -bd", 'usage: "-bd" is not a word that mail programs give to a sendmail'],
    ["h u sendmail -C/x", 'usage: "-C/x" is not a word that mail programs give to a sendmail'],
    ["h u sendmail imap", 'usage: one word too many: "imap"'],
    ["h u sendmail -oi root imap", 'usage: one word too many: "root"'],
    ["h u sendmail -oi a@b.test imap", 'usage: one word too many: "a@b.test"'],
    ["h u sendmail ;id", 'usage: one word too many: ";id"'],
    ["h u sendmail -t -f", 'usage: nothing behind "-f"'],
    ["h u sendmail -N", 'usage: nothing behind "-N"'],
    ["h u sendmail -t --", 'usage: no address behind "--"'],
    ["-oi h u imap", 'SERVER: "-oi" is not a host name'],
    ["-oi h u sendmail -X", 'usage: "-X" is not a word that mail programs give to a sendmail'],
    ["-oi -oi u sendmail", 'SERVER: "-oi" is not a host name'],
    ["-i h u sendmail", 'SERVER: "-i" is not a host name'],
    ["h u imap x", 'usage: one word too many: "x"'],
    ["h u IMAP", 'METHOD: "IMAP" is not a method such as imap'],
    ["h u imap;", 'METHOD: "imap;" is not a method such as imap'],
    ["-oProxyCommand=x u imap", 'SERVER: "-oProxyCommand=x" is not a host name'],
    ["h -oProxyCommand=x imap", 'usage: "-oProxyCommand=x" is not -l USER'],
    ["h -l -oProxyCommand=x /etc/rimapd", 'USER: "-oProxyCommand=x" is not a user name'],
    ["h -l u -q exec /etc/rimapd", 'usage: "-q exec /etc/rimapd" is not exec /etc/rMETHODd'],
    ["h -l=u exec /etc/rimapd", 'usage: "-l=u" is not -l USER'],
    ["h -lu exec /etc/rimapd", 'usage: "-lu" is not -l USER'],
    ["h -qa -l u exec /etc/rimapd", 'usage: "-qa" is not -l USER'],
    ["h -q", 'usage: "" is not -l USER'],
    ["h -l", "usage: USER is missing after -l"],
    ["h -l u", 'usage: "" is not exec /etc/rMETHODd'],
    ["h -l u exec", 'usage: "exec" is not exec /etc/rMETHODd'],
    ["h -l u exec /etc/rimapd x", 'usage: "exec /etc/rimapd x" is not exec /etc/rMETHODd'],
    ["h -l u exec /bin/sh", 'usage: "exec /bin/sh" is not exec /etc/rMETHODd'],
    ["h -l u exec /etc/rIMAPd", 'METHOD: "IMAP" is not a method such as imap'],
    ["h -l a -l b exec /etc/rimapd", 'usage: "-l b exec /etc/rimapd" is not exec /etc/rMETHODd'],
  ] as const) {
    test(`"${words}" is not: ${message}`, () =>
      assert.equal(usage(words === "" ? [] : words.split(" ")), message));
  }

  test("an empty SERVER or USER is refused", () => {
    usage(["", "u", "imap"]);
    usage(["h", "", "imap"]);
    usage(["h", "-l", "", "/etc/rimapd"]);
  });

  test("a METHOD is at most 32 characters", () => {
    assert.equal(parseCall(["h", "u", "a".repeat(32)]).kind, "mail");
    usage(["h", "u", "a".repeat(33)]);
    usage(["h", "u", "-a"]);
  });

  test("two dashes make a verb, whatever mailbox name they come from", () => {
    assert.deepEqual(parseCall(["--table=evil.toml", "work", "jane", "imap"]), {
      kind: "verb",
      verb: "table=evil.toml",
      words: ["work", "jane", "imap"],
    });
  });

  test("whatever is taken is safe to hand to ssh", () => {
    fc.assert(
      fc.property(fc.array(fc.string({ unit: "binary" }), { maxLength: 6 }), (words) => {
        let call: ReturnType<typeof parseCall>;
        try {
          call = parseCall(words);
        } catch (error) {
          return error instanceof Failure;
        }
        if (call.kind === "verb") return words[0]?.startsWith("--") === true;
        const safe = (word: string): boolean => !/^-|[\0-\x1f;&|<>`'"(){}]/.test(word) && word !== "";
        return safe(call.server) && safe(call.user) && /^[a-z0-9][a-z0-9-]*$/.test(call.method);
      }),
    );
  });
});
