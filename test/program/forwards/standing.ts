import type { Form } from "../../peers/binaries.ts";
import { type Finished, runCall } from "../../peers/call.ts";
import { type Home, makeHome, tableFor } from "../../peers/home.ts";
import type { Sshd } from "../../peers/sshd.ts";

/** What `--explain` or `--check` is asked, and where. */
export interface Question {
  readonly form: Form;
  readonly verb: "--explain" | "--check";
  readonly sshd: Sshd;
  /** Lines of the [[forward]] named "smtp", which has nothing else. */
  readonly forward: Readonly<Record<string, string | number | readonly string[]>>;
  /** Words in front of the program. */
  readonly under?: readonly string[];
  /** What `hostname -d` says. Default: nothing. */
  readonly domain?: string;
}

/** What is said about the forward: its line without the name, and the indented lines below it. */
export interface Told {
  readonly standing: string;
  readonly below: readonly string[];
  readonly finished: Finished;
}

/** Asks about a table with one forward. METHOD is one whose command ends at once. */
export async function ask(question: Question): Promise<Told> {
  using home = makeHome();
  return await askAt(home, question);
}

/** The same in a home of the test's own. */
export async function askAt(home: Home, question: Question): Promise<Told> {
  const { form, verb, sshd, forward, under = [], domain = "" } = question;
  const lines = Object.entries(forward).map(([key, value]) => `${key} = ${JSON.stringify(value)}`);
  const table = tableFor(sshd, { match: "work", "commands.true": "true" });
  home.writeTable(`${table}\n[[forward]]\nname = "smtp"\n${lines.join("\n")}\n`);
  home.write("bin/hostname", `#!/bin/sh\necho ${domain}\n`, 0o755);
  const env = { ...home.env, PATH: `${home.path}/bin:${home.env.PATH}` };
  const words = [...form.argv, verb, "work", sshd.user, "true"];
  const finished = await runCall(words, { env, stdio: "pipes", under });
  const [, standing = "", indented = ""] =
    /^forward "smtp": (.*)\n((?: {2}.*\n)*)/m.exec(finished.output.toString()) ?? [];
  return {
    standing,
    below: indented
      .split("\n")
      .slice(0, -1)
      .map((line) => line.trim()),
    finished,
  };
}
