import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, test } from "node:test";
import { describeForms } from "../../peers/binaries.ts";
import { makeHome, tableFor } from "../../peers/home.ts";
import { poll } from "../../peers/waiting.ts";
import { converse, MAIL } from "../calls/client.ts";
import { openWatched } from "../terminal/watched.ts";
import { type Hint, hintsIn, type Means, SERVERS, type ServerName, type Stage, setStage } from "./means.ts";

type Outcome = readonly [server: ServerName, means: Means, said: RegExp, ...hints: Hint[]];

const TRIED = /jane not let in \(tried ssh-ed25519 SHA256:\S+ from \S+; the server takes publickey/;

/** For each of them what the message says, and just these hints of all there are. The unit test has every combination. */
const OUTCOMES: readonly Outcome[] = [
  ["keys", "refused", TRIED, "put"],
  ["both", "refused", TRIED, "onTerminal", "put"],
  [
    "keys",
    "missing",
    /no key to log in with as jane \(\S+nothing is missing; the server .*publickey\)/,
    "make",
  ],
  ["both", "missing", /no key to log in with as jane \(\S+nothing is missing; /, "onTerminal"],
  ["keys", "locked", /no key .* jane \(\S+locked is encrypted; /, "start", "add", "onTerminal"],
  ["both", "locked", /no key .* jane \(\S+locked is encrypted; /, "start", "add", "onTerminal"],
  ["keys", "only public", /no key .* \(\S+public holds only a public key; /, "namePrivate"],
  ["keys", "without its private half", /no key .* \(\S+lost is missing; /, "copyPrivate"],
  ["keys", "open to others", /no key .* \(\S+open is open to others \(mode 0644\); /, "close"],
  ["keys", "agent gone", /the agent is gone: there is no /, "newAgent", "onTerminal"],
  ["keys", "agent locked", /the agent has no keys, or is locked; /, "unlock"],
  ["keys", "agent for others", /the agent keeps one key for other hosts; /, "addForHost", "namePrivate"],
  ["keys", "agent says no", /: the agent refused to sign: jane not let in \(tried /, "sayYes"],
  ["both", "agent says no", /: the agent refused to sign: jane not let in \(tried /, "sayYes", "onTerminal"],
  ["password", "refused", /the server takes password\)/, "onTerminal"],
  ["questions", "refused", /the server takes keyboard-interactive\)/, "onTerminal"],
  ["other", "refused", /the server takes gssapi-with-mic, hostbased\)/, "notBuilt"],
  ["password", "missing", /the server takes password\)/, "onTerminal"],
  ["other", "missing", /the server takes gssapi-with-mic, hostbased\)/, "notBuilt"],
];

/** The same with --login, and with somebody who types what is wrong each time. */
const ASKED: readonly Outcome[] = [
  ["keys", "refused", TRIED, "put"],
  ["keys", "missing", /no key to log in with as jane \(\S+nothing is missing; /, "make"],
  ["keys", "only public", /no key .* \(\S+public holds only a public key; /, "namePrivate"],
  ["both", "refused", /\(tried ssh-ed25519 .*; the password was refused; the server takes/, "check", "put"],
  ["both", "missing", /jane not let in \(the password was refused; \S+nothing is missing;/, "check", "make"],
  ["password", "missing", /jane not let in \(the password was refused; /, "check", "askForKeys"],
  ["questions", "missing", /jane not let in \(the answers were refused; /, "check", "askForKeys"],
  ["keys", "locked", /from \S+locked, but its passphrase was not given; /, "tryOpening"],
  ["keys", "agent says no", /: the agent refused to sign: jane not let in \(tried /, "sayYes"],
  // The terminal is tmux's.
  ["keys", "agent gone", /the agent is gone: there is no .*kept by tmux/, "takeNew"],
  ["keys", "agent locked", /the agent has no keys, or is locked; /, "unlock"],
  ["both", "agent empty", /password was refused; .*the agent has no keys, or is locked; /, "check", "unlock"],
  ["keys", "agent refused", /jane not let in \(tried ssh-ed25519 SHA256:\S+ from the agent; /, "put"],
  ["keys", "agent for others", /the agent keeps one key for other hosts; /, "addForHost", "namePrivate"],
  ["other", "refused", /the server takes gssapi-with-mic, hostbased\)/, "notBuilt"],
];

/** With these the server would have the key proven. */
function userFor(means: Means, isAsked: boolean): string {
  return means === "agent says no" || (means === "locked" && isAsked) ? "held" : "jane";
}

describeForms("a login that fails", { concurrency: 2 }, (form) => {
  let stage: Stage;
  before(async () => {
    stage = await setStage();
  });
  after(() => stage[Symbol.asyncDispose]());

  const homeFor = (name: ServerName, means: Means, isAsked: boolean) => {
    const home = makeHome();
    const { identity, agent } = stage.meansOf(means);
    const user = userFor(means, isAsked);
    const keys = { identity, user, on_failure: "tell", share: !isAsked };
    home.writeTable(tableFor(stage.server(name), keys));
    const env = { ...home.env, ...(agent !== undefined && { SSH_AUTH_SOCK: agent }) };
    return { home, env };
  };

  for (const [name, means, said, ...wanted] of OUTCOMES) {
    test(`says what to do: a server that takes ${SERVERS[name].join(", ")}, and a key that is ${means}`, async () => {
      const { home: made, env } = homeFor(name, means, false);
      using home = made;
      const { output, status } = await converse([...form.argv, ...MAIL], { env });
      assert.match(String(output).replaceAll("held", "jane"), said);
      assert.equal(status, 77);
      const log = readFileSync(home.logFile, "utf8").replaceAll("held", "jane");
      assert.deepEqual(hintsIn(log), [...wanted].sort(), log);
    });
  }

  for (const [name, means, said, ...wanted] of ASKED) {
    test(`says what to do to somebody who is asked: ${SERVERS[name].join(", ")}, and a key that is ${means}`, async () => {
      const { home: made, env } = homeFor(name, means, true);
      using home = made;
      await using terminal = await openWatched([...form.argv, "--login", MAIL[0] ?? ""], home, env);
      const QUESTION = /(Code|password|passphrase for key '\S+'):$/gm;
      let answered = 0;
      const end = terminal.ended().then((status) => ({ status }));
      let over: Awaited<typeof end> | undefined;
      void end.then((one) => {
        over = one;
      });
      await poll(
        () => {
          const asked = [...terminal.screen().matchAll(QUESTION)].length;
          if (asked > answered) {
            answered = asked;
            terminal.type("wrong\n");
          }
          return over;
        },
        "the end of --login",
        () => terminal.screen(),
      );
      assert.equal(over?.status, 77);
      const text = terminal
        .screen()
        .replace(/\n {2}/g, " ")
        .replaceAll("held", "jane");
      assert.match(text, said);
      assert.deepEqual(hintsIn(text), [...wanted].sort(), text);
    });
  }
});
