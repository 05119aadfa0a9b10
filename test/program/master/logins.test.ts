import assert from "node:assert/strict";
import { test } from "node:test";
import { describeForms, type Form } from "../../peers/binaries.ts";
import type { HostLines } from "../../peers/home.ts";
import type { Traffic } from "../../peers/proxy.ts";
import { type Scene, type SceneOptions, startScene } from "./shared_home.ts";

/** As many logins as one call may make, whatever goes wrong (src/second_chances.ts). */
const MOST_LOGINS = 3;

/** Servers and lines on which no call ever gets its mailbox; each breaks at another step. */
const OBSTACLES: Readonly<Record<string, (form: Form, host: HostLines) => Promise<Scene>>> = {
  "every connection breaks in the key exchange": (form, host) => breakingScene(form, host, 500),
  "every connection breaks during the login": (form, host) => breakingScene(form, host, 1_700),
  "every connection breaks just after the login": (form, host) => breakingScene(form, host, 2_600),
  "the server takes logins and no sessions": (form, host) =>
    startScene(form, { host, sshd: { config: ["MaxSessions 0"] } }),
  "the imapd ends at once": (form, host) =>
    startScene(form, { host: { ...host, "commands.imap": "exit 3" } }),
  "the imapd kills the connection that it came by": (form, host) =>
    startScene(form, { host: { ...host, "commands.imap": "kill -9 $PPID; sleep 5" } }),
  "the imapd says nothing": (form, host) =>
    startScene(form, { host: { ...host, deadline: "4s", "commands.imap": "exec sleep 600" } }),
};

/** A line that breaks each time that the server has sent `bytes` more. */
async function breakingScene(form: Form, host: HostLines, bytes: number): Promise<Scene> {
  let next = bytes;
  let cut = (): void => {};
  const freezeWhen = ({ down }: Traffic): boolean => {
    if (down >= next) {
      next = down + bytes;
      cut();
    }
    return false;
  };
  const options: SceneOptions = { host, proxy: { freezeWhen } };
  const scene = await startScene(form, options);
  cut = () => scene.proxy.cut();
  return scene;
}

for (const share of [true, false]) {
  const way = share ? "through the process in the background" : "without sharing";
  describeForms(`a call ${way} that gets no mailbox`, { concurrency: 4 }, (form) => {
    for (const [obstacle, makeScene] of Object.entries(OBSTACLES)) {
      test(`logs in three times at most where ${obstacle}`, async () => {
        await using scene = await makeScene(form, { share });
        const call = await scene.start({ stdio: "pipes" });
        const { status, output } = await call.finished();
        assert.notEqual(status, 0);
        assert.doesNotMatch(output.toString(), /PREAUTH/);
        const logins = scene.sshd.logins();
        assert.ok(logins <= MOST_LOGINS, `${logins} logins: ${scene.home.log()}`);
        assert.ok(scene.sshd.connections() > 0, "it has not been tried at all");
      });
    }
  });
}
