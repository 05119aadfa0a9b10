import type { Form } from "../../peers/binaries.ts";
import type { Home } from "../../peers/home.ts";
import { openTerminal } from "../../peers/terminal.ts";

/** What is waited for, what is typed then, and what is done before. */
export type Step = readonly [asked: RegExp, answer: string, meanwhile?: () => void];

/** `--authorize work`, with an answer to each question. */
export async function authorize(form: Form, home: Home, steps: readonly Step[]) {
  const options = { env: home.env, columns: 250, rows: 80 };
  await using terminal = await openTerminal([...form.argv, "--authorize", "work"], options);
  for (const [asked, answer, meanwhile] of steps) {
    await terminal.waitFor(asked, `what is answered with "${answer}"`);
    meanwhile?.();
    terminal.type(answer);
    terminal.keys("Enter");
  }
  const status = await terminal.ended(60_000);
  const screen = terminal.screen();
  const hints = [...screen.matchAll(/^preauth: hint: (.*)$/gm)].map(([, hint = ""]) => hint);
  return { status, screen, hints };
}

/** The usual file; a new one without a passphrase; the yes. */
export const KEY: Step = [/the key for mail alone/, ""];
export const NEW: readonly Step[] = [KEY, [/a passphrase for it/, ""]];
export const INSTALL: Step = [/install it on work/, "yes"];
