import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { somebody } from "../../../peers/person.ts";
import type { Sshd } from "../../../peers/sshd.ts";
import {
  type Hint,
  hintsIn,
  type Means,
  SERVERS,
  type ServerName,
  type Stage,
  setStage,
} from "../../../program/login/means.ts";
import { refusedLogin } from "../fixtures.ts";

let stage: Stage;
before(async () => {
  stage = await setStage();
});
after(() => stage[Symbol.asyncDispose]());

/**
 * What each state of the keys and of the agent comes to at a server that takes keys: the hints of a mail call, and those
 * where somebody is asked.
 */
const AT_KEYS: Readonly<Record<Means, readonly [called: readonly Hint[], asked: readonly Hint[]]>> = {
  refused: [["put"], ["put"]],
  missing: [["make"], ["make"]],
  locked: [["add", "onTerminal", "start"], ["tryOpening"]],
  "only public": [["namePrivate"], ["namePrivate"]],
  "without its private half": [["copyPrivate"], ["copyPrivate"]],
  "open to others": [["close"], ["close"]],
  "agent gone": [["newAgent", "onTerminal"], ["newAgentHere"]],
  "agent empty": [["unlock"], ["unlock"]],
  "agent refused": [["put"], ["put"]],
  "agent for others": [
    ["addForHost", "namePrivate"],
    ["addForHost", "namePrivate"],
  ],
  "agent locked": [["unlock"], ["unlock"]],
  "agent says no": [["sayYes"], ["sayYes"]],
};

/** The hints at any server. Where it takes a password, too, a terminal will do; where it takes no keys, none is of use. */
function wantedFrom(server: ServerName, means: Means, isAsked: boolean): readonly Hint[] {
  const [called, asked] = AT_KEYS[means];
  switch (server) {
    case "keys":
      return isAsked ? asked : called;
    case "both":
      if (isAsked) return ["check", ...asked];
      // There is another way in than by a key of one's own.
      return [...called.filter((hint) => hint !== "make"), "onTerminal"];
    case "password":
    case "questions":
      return isAsked ? ["askForKeys", "check"] : ["onTerminal"];
    case "other":
      return ["notBuilt"];
  }
}

for (const isAsked of [false, true]) {
  const who = isAsked ? "somebody who types what is wrong" : "a mail call";
  for (const server of Object.keys(SERVERS) as ServerName[]) {
    test(`${who} is told what to do, whatever there is to log in with: ${SERVERS[server].join(", ")}`, async () => {
      for (const means of Object.keys(AT_KEYS) as Means[]) {
        const { identity, agent } = stage.meansOf(means);
        // With "held" the server would have a key proven.
        const user = means === "agent says no" || (means === "locked" && isAsked) ? "held" : "jane";
        const person = isAsked ? somebody(...Array(9).fill("wrong")) : undefined;
        const { what, hints } = await refusedLogin(
          stage.server(server) as unknown as Sshd,
          { identityFiles: [identity], identitiesOnly: true, user, agent },
          person,
        );
        const text = [what, ...hints.map((hint) => `hint: ${hint}`)].join("\n").replaceAll("held", "jane");
        const wanted = [...new Set(wantedFrom(server, means, isAsked))].sort();
        assert.deepEqual([means, ...hintsIn(text)], [means, ...wanted], text);
        assert.equal(hints.length, wanted.length, text);
      }
    });
  }
}

for (const [server, own, off] of [
  ["keys", ["password"], "publickey"],
  ["password", ["publickey"], "password"],
  ["both", ["publickey"], "password"],
] as const) {
  test(`somebody whose ssh_config turns off ${off} is told so by a server that takes ${SERVERS[server].join(", ")}`, async () => {
    const { identity, agent } = stage.meansOf("refused");
    const { hints } = await refusedLogin(
      stage.server(server) as unknown as Sshd,
      { identityFiles: [identity], identitiesOnly: true, user: "jane", agent, methods: own },
      somebody("wrong", "wrong", "wrong"),
    );
    const wanted = new RegExp(
      `^ssh_config turns off ${off}, which the server takes; find the file: ssh -vG `,
    );
    assert.equal(hints.filter((hint) => wanted.test(hint)).length, 1, hints.join("\n"));
    assert.ok(!hints.some((hint) => /^make a key|administrator/.test(hint)), hints.join("\n"));
  });
}
