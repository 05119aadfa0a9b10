import assert from "node:assert/strict";
import { chownSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { describeForms } from "../../peers/binaries.ts";
import { startCall } from "../../peers/call.ts";
import { makeMailbox } from "../../peers/dovecot.ts";
import { makeHome, tableFor } from "../../peers/home.ts";
import { program } from "../../peers/programs.ts";
import { withoutPrivileges } from "../../peers/rights.ts";
import { type Sshd, startSshd } from "../../peers/sshd.ts";
import { closingServer, refusingPort, silentServer, speakingServer } from "../../peers/tcp.ts";
import { poll } from "../../peers/waiting.ts";
import {
  freePort,
  lowPort,
  OWN,
  STRANGER,
  startListener,
  startPathListener,
  withoutLowPorts,
  withoutRoot,
  withoutSix,
} from "../../unit/forwards/fixtures.ts";
import { ask, askAt, type Question } from "./standing.ts";

let sshd: Sshd;
before(async () => {
  sshd = await startSshd();
});
after(() => sshd.stop());

const CHOOSE = "hint: choose another place, in the table and in the mail client";

/** What --check says through the tunnel when nobody listens at the target, whose name is no host's. */
const NOBODY = /^through work: no connection to mail\.invalid:25: /;

for (const verb of ["--explain", "--check"] as const) {
  describeForms(`${verb} of a forward`, { concurrency: 2 }, (form) => {
    /** All that is said of a forward to mail.invalid, which is not the server: a note says so. */
    async function told(question: Partial<Question> & Pick<Question, "forward">): Promise<readonly string[]> {
      const { standing, below, finished } = await ask({
        ...{ form, verb, sshd, ...question },
        forward: { to: "mail.invalid:25", ...question.forward },
      });
      assert.equal(finished.status, 0, finished.stderr);
      const rest = [...below];
      if (verb === "--check") assert.match(rest.pop() ?? "", NOBODY);
      assert.equal(rest.pop(), "note: SSH does not protect the way from work to mail.invalid:25");
      return [standing, ...rest];
    }

    test("whose port is free: it would be carried", async () => {
      const listen = await freePort();
      assert.deepEqual(await told({ forward: { listen } }), [
        `would carry port ${listen} to mail.invalid:25`,
      ]);
    });

    test("that leads to the server itself: no note about the last leg", async () => {
      const listen = await freePort();
      for (const to of ["localhost:1", "127.0.0.1:1", "[::1]:1", "work:1"]) {
        const { standing, below } = await ask({ form, verb, sshd, forward: { listen, to } });
        assert.equal(standing, `would carry port ${listen} to ${to}`);
        assert.doesNotMatch(below.join("\n"), /note:/);
      }
    });

    test("that unless.domain holds back, and why; and elsewhere not", async () => {
      const listen = await freePort();
      const forward = { listen, "unless.domain": "home.net" };
      for (const domain of ["home.net", "lan.home.net"]) {
        const line = `not opened: at home in "home.net": hostname -d says "${domain}"`;
        assert.deepEqual(await told({ forward, domain }), [line]);
      }
      const line = `would carry port ${listen} to mail.invalid:25`;
      assert.deepEqual(await told({ forward, domain: "nothome.net" }), [line]);
    });

    test("with an unless.domain of which no program knows: a warning that resolv.conf alone decides", async () => {
      const listen = await freePort();
      const forward = { listen, "unless.domain": ["home.net", "work.net"] };
      const why = "any network can write that file: do not rely on it to send mail without TLS";
      const note = `note: only resolv.conf says whether this machine is in "home.net", "work.net", and ${why}`;
      const { standing, below } = await ask({
        form,
        verb,
        sshd,
        forward: { to: "mail.invalid:25", ...forward },
      });
      assert.equal(standing, `would carry port ${listen} to mail.invalid:25`);
      assert.equal(below[0], note);
    });

    test("whose port a program of the same user has", async () => {
      await using other = await startListener();
      const who = `perl (pid ${other.pid}) of the same user (uid ${OWN})`;
      assert.deepEqual(await told({ forward: { listen: other.port } }), [
        `port ${other.port} is in use by ${who}, and is left to that program`,
      ]);
    });

    test("whose port another user has, with the program where it may be seen", {
      skip: withoutRoot,
    }, async () => {
      await using other = await startListener({ uid: STRANGER });
      const forward = { listen: other.port };
      const [before, after] = [
        `port ${other.port} is in use by uid ${STRANGER}`,
        ", another user, who could read your mail",
      ];
      assert.deepEqual(await told({ forward }), [`${before}: perl (pid ${other.pid})${after}`, CHOOSE]);
      assert.deepEqual(await told({ forward, under: withoutPrivileges() }), [`${before}${after}`, CHOOSE]);
    });

    test("whose ::1 alone is taken", { skip: withoutSix }, async () => {
      await using other = await startListener({ host: "::1" });
      const who = `perl (pid ${other.pid}) of the same user (uid ${OWN})`;
      assert.deepEqual(await told({ forward: { listen: other.port } }), [
        `would carry port ${other.port} to mail.invalid:25; ::1 is in use by ${who}, and is left to that program`,
        "hint: write 127.0.0.1 instead of localhost in the mail client",
      ]);
    });

    test("whose port is below 1024, with and without the right to it", {
      skip: withoutRoot || withoutLowPorts,
    }, async () => {
      const listen = await lowPort();
      const capability = "-net_bind_service";
      const under = [program("setpriv"), `--bounding-set=${capability}`, `--inh-caps=${capability}`];
      assert.deepEqual(await told({ forward: { listen }, under }), [
        `port ${listen} needs a right that this user does not have`,
        "hint: choose a port from 1024 on, in the table and in the mail client",
      ]);
      assert.deepEqual(await told({ forward: { listen } }), [
        `would carry port ${listen} to mail.invalid:25`,
      ]);
    });

    test("that is a Unix socket: free, left behind, in use, another user's, and no socket", async () => {
      using home = makeHome();
      const listen = join(home.path, "smtp.sock");
      const free = [`would carry socket "${listen}" to mail.invalid:25`];
      assert.deepEqual(await told({ forward: { listen } }), free);
      {
        await using other = await startPathListener(listen);
        assert.deepEqual(await told({ forward: { listen } }), [
          `socket "${listen}" is in use by perl (pid ${other.pid}) of the same user (uid ${OWN}), and is left to that program`,
        ]);
        if (withoutRoot === false) {
          chownSync(listen, STRANGER, STRANGER);
          assert.deepEqual(await told({ forward: { listen } }), [
            `socket "${listen}" is in use by uid ${STRANGER}, another user, who could read your mail`,
            CHOOSE,
          ]);
          chownSync(listen, OWN, -1);
        }
      }
      assert.deepEqual(await told({ forward: { listen } }), free);
      const letter = home.write("letter", "");
      assert.deepEqual(await told({ forward: { listen: letter } }), [
        `"${letter}" is not a socket, and is left alone`,
      ]);
    });

    test("that a mailbox carries already", async () => {
      using mailbox = makeMailbox();
      using home = makeHome();
      const listen = await freePort();
      const forward = { listen, to: "mail.invalid:25" };
      const table = tableFor(sshd, { match: "work", "commands.imap": mailbox.command });
      home.writeTable(`${table}\n[[forward]]\nname = "smtp"\nlisten = ${listen}\nto = "mail.invalid:25"\n`);
      await using call = await startCall([...form.argv, "work", sshd.user, "imap"], { env: home.env });
      await poll(() => home.log().includes("carries port"), "the forward", home.log);
      const { standing } = await askAt(home, { form, verb, sshd, forward });
      assert.match(
        standing,
        new RegExp(`^port ${listen} is held by preauth(\\.js)? \\(pid ${call.pid}\\) already$`),
      );
      call.end();
      await call.finished();
    });
  });
}

describeForms("unless.reachable", { concurrency: 2 }, (form) => {
  test("is named by --explain, which does not try it, and tried by --check", async () => {
    await using home = await silentServer();
    const [listen, dead] = [await freePort(), await refusingPort()];
    const standing = async (verb: Question["verb"], port: number): Promise<string> => {
      const forward = { listen, to: "localhost:1", "unless.reachable": `127.0.0.1:${port}` };
      return (await ask({ form, verb, sshd, forward })).standing;
    };
    const carry = `would carry port ${listen} to localhost:1`;
    assert.equal(
      await standing("--explain", home.port),
      `${carry}, unless 127.0.0.1:${home.port} can be reached directly`,
    );
    assert.equal(home.connections, 0);
    assert.equal(
      await standing("--check", home.port),
      `not opened: 127.0.0.1:${home.port} can be reached directly`,
    );
    assert.equal(home.connections, 1);
    assert.equal(await standing("--check", dead), carry);
  });
});

/** What a server says first, and what --check makes of it. */
const GREETINGS = [
  ["220 mail.test ESMTP\r\n", 'answers as SMTP: "220 mail.test ESMTP"'],
  ["220-mail.test\r\n220 ready\r\n", 'answers as SMTP: "220-mail.test"'],
  ["200 news.test, posting allowed\r\n", 'answers as NNTP: "200 news.test, posting allowed"'],
  ["201 news.test, no posting\r\n", 'answers as NNTP: "201 news.test, no posting"'],
  ["+OK pop.test\r\n", 'answers as POP3: "+OK pop.test"'],
  ["* OK imap.test\r\n", 'answers as IMAP: "* OK imap.test"'],
  ["554 go\x1b[2Jaway\r\n", 'says "554 go\\e[2Jaway"'],
] as const;

describeForms("--check of the target of a forward", { concurrency: 3 }, (form) => {
  const target = async (port: number, through = sshd): Promise<string | undefined> => {
    const forward = { listen: await freePort(), to: `127.0.0.1:${port}` };
    const { below, finished } = await ask({ form, verb: "--check", sshd: through, forward });
    // Whatever becomes of the forward, the call itself is good.
    assert.deepEqual([finished.status, finished.stderr], [0, ""]);
    return below.at(-1)?.replaceAll(String(port), "PORT");
  };

  for (const [greeting, said] of GREETINGS) {
    test(`that greets with ${JSON.stringify(greeting)}`, async () => {
      await using server = await speakingServer(greeting);
      assert.equal(await target(server.port), `through work: 127.0.0.1:PORT ${said}`);
      await server.idle();
    });
  }

  test("that says nothing, or closes at once", async () => {
    await using silent = await silentServer();
    await using closing = await closingServer();
    const begin = "through work: 127.0.0.1:PORT";
    assert.equal(await target(silent.port), `${begin} accepts the connection and sends nothing for 3 s`);
    assert.equal(await target(closing.port), `${begin} closes the connection without an answer`);
  });

  test("that is not there, or that the server leads nobody to", async () => {
    const begin = /^through work: no connection to 127\.0\.0\.1:PORT: /;
    const dead = (await target(await refusingPort())) ?? "";
    assert.match(dead, begin);
    assert.match(dead, /the server cannot connect to .*refused/i);
    await using strict = await startSshd({ config: ["AllowTcpForwarding no"] });
    const forbidden = (await target(await refusingPort(), strict)) ?? "";
    assert.match(forbidden, begin);
    assert.match(forbidden, /the server does not allow forwarding/);
  });
});
