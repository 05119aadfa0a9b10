import assert from "node:assert/strict";
import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { after, before, test } from "node:test";
import { describeForms } from "../../peers/binaries.ts";
import { runCall } from "../../peers/call.ts";
import { type Home, hostTable, makeHome } from "../../peers/home.ts";
import { program } from "../../peers/programs.ts";
import { openTerminal } from "../../peers/terminal.ts";
import { poll } from "../../peers/waiting.ts";

// What Alpine makes of odd lines was found by running it on some 120 files; these stand for their kinds.

const USUAL = ["rsh-path=@", "rsh-command=%s %s %s %s", "inbox-path={work}INBOX"];

/** Lines in place of the usual ones, "@" for the program; whether Alpine calls it, and what stands in the way if not. */
const FILES: readonly (readonly [title: string, lines: readonly string[], obstacle: RegExp | undefined])[] = [
  ["a command with its METHOD written out", ["rsh-command=%s %s %s imap"], undefined],
  ["an odd time", ["rsh-open-timeout= 30 ", "ssh-path=/bin/sh", "ssh-open-timeout=0"], undefined],
  [
    "a host by a variable, after a longer path",
    ["rsh-path=/no", "rsh-path=@", "inbox-path={\u0024{WORK}}"],
    undefined,
  ],
  ["a blank behind the path", ["rsh-path=@ "], /:1: rsh-path must not have a space in it/],
  [
    "STARTTLS",
    ["inbox-path={work/starttls}INBOX"],
    /"\/starttls" in \{work\/starttls\} makes Alpine connect/,
  ],
  ["a word of nobody's", ["inbox-path={work/prefer-ssh}INBOX"], /is not valid there for Alpine/],
];

interface Run {
  readonly home: Home;
  readonly isCalled: boolean;
}

/** Real Alpine on a ~/.pinerc, until it has called, or has opened no mailbox. */
async function runAlpine(lines: readonly string[]): Promise<Run> {
  const home = makeHome();
  const path = home.write("preauth", `#!/bin/sh\necho "$@" >${home.path}/called\n`, 0o755);
  const names = lines.map((line) => line.replace(/=.*/s, ""));
  const kept = USUAL.filter((line) => !names.includes(line.replace(/=.*/s, "")));
  const quiet = ["personal-name=Jane", "user-domain=mail.test", "last-version-used=9.99", ""];
  const text = [...lines, ...kept, ...quiet].join("\n").replaceAll("@", path);
  home.write(".pinerc", text);
  mkdirSync(`${home.path}/mail`);
  const env = { ...home.env, WORK: "work" };
  await using alpine = await openTerminal([program("alpine"), "-P", "/dev/null", "-i"], { env });
  const called = `${home.path}/called`;
  const isOver = (): true | undefined =>
    existsSync(called) ||
    /No folder opened|MAIN MENU|o such host|nvalid|an't open/.test(alpine.screen()) ||
    undefined;
  await poll(isOver, "Alpine to call, or to go on", () => alpine.screen());
  const isCalled = existsSync(called);
  if (isCalled)
    await poll(() => readFileSync(called, "utf8").includes("imap") || undefined, "the words of the call");
  return { home, isCalled };
}

const runs = new Map<string, Run>();
before(async () => {
  for (const [title, lines] of FILES) runs.set(title, await runAlpine(lines));
});
after(() => {
  for (const { home } of runs.values()) home[Symbol.dispose]();
});

describeForms("--explain of a ~/.pinerc", (form) => {
  for (const [title, , obstacle] of FILES) {
    test(`says what real Alpine does with ${title}`, async () => {
      const run = runs.get(title);
      assert.ok(run);
      const { home, isCalled } = run;
      assert.equal(isCalled, obstacle === undefined);
      home.writeTable(hostTable({ match: "work", server: "127.0.0.1", ssh_config: "none" }));
      home.write("preauth", "#!/bin/sh\n# preauth\n", 0o755);
      const { output } = await runCall([...form.argv, "--explain", "work"], {
        env: { ...home.env, WORK: "work" },
        stdio: "pipes",
      });
      assert.match(
        output.toString(),
        obstacle ?? /~\/\.pinerc: nothing in it keeps Alpine from calling preauth/,
      );
    });
  }
});
