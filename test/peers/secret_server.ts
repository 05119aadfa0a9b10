import type { AuthContext, KeyboardAuthContext, Prompt } from "ssh2";
import { type AskingServer, startAskingServer } from "./asking_server.ts";

/** One exchange of keyboard-interactive (RFC 4256): what is asked, and what must be answered. */
export interface Round {
  readonly name?: string;
  readonly instruction?: string;
  readonly prompts: readonly Prompt[];
  readonly answers: readonly string[];
}

/** What lets somebody in. */
export interface Secrets {
  /** Left out, the server does not take passwords. */
  readonly password?: string;
  /** Whether that must be changed before anybody is let in (RFC 4252 section 8); what it is changed to counts then. */
  readonly isExpired?: boolean;
  /** All of these, one after another. Left out, there is no keyboard-interactive. */
  readonly rounds?: readonly Round[];
}

/** A server that takes no key, but secrets. sshd asks PAM or the shadow file, which are not the tests' own. */
export function startSecretServer(secrets: Secrets): Promise<AskingServer> {
  let valid = secrets;
  const change = (password: string) => {
    valid = { ...secrets, password, isExpired: false };
  };
  return startAskingServer((attempt) => judge(attempt, valid, change));
}

function judge(
  context: AuthContext,
  { password, rounds, isExpired = false }: Secrets,
  change: (password: string) => void,
): void {
  const methods = [
    ...(rounds === undefined ? [] : (["keyboard-interactive"] as const)),
    ...(password === undefined ? [] : (["password"] as const)),
  ];
  const refuse = () => context.reject([...methods]);
  if (context.method === "password" && context.password === password && isExpired) {
    context.requestChange("Your password has expired.", (chosen) => {
      change(chosen);
      context.accept();
    });
  } else if (context.method === "password" && context.password === password) context.accept();
  else if (context.method === "keyboard-interactive" && rounds !== undefined)
    converse(context, rounds, refuse);
  else refuse();
}

function converse(
  context: KeyboardAuthContext,
  [round, ...rest]: readonly Round[],
  refuse: () => void,
): void {
  if (round === undefined) {
    context.accept();
    return;
  }
  const { name = "", instruction = "", prompts, answers } = round;
  context.prompt([...prompts], name, instruction, (given) => {
    const isRight = given.length === answers.length && given.every((one, index) => one === answers[index]);
    if (isRight) converse(context, rest, refuse);
    else refuse();
  });
}
