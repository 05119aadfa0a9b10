import { once } from "node:events";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import ssh2, { type AuthContext, type Connection, type KeyboardAuthContext, type Prompt } from "ssh2";
import { hostKeyName, makeKey } from "./keys.ts";
import { makeTemporary, removeTemporary } from "./temporary.ts";

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
  /** All of these, one after another. Left out, there is no keyboard-interactive. */
  readonly rounds?: readonly Round[];
}

/** A server that lets people in by what they type. sshd asks PAM or the shadow file, which are not the tests' own. */
export interface AskingServer extends AsyncDisposable {
  readonly port: number;
  readonly knownHosts: string;
  /** The methods that were tried, in order. */
  readonly tried: readonly string[];
  /** Connections open now. */
  readonly open: number;
  /** Ends every connection, as a server does whose LoginGraceTime is over. */
  hangUp(): void;
}

/** Starts a server on a loopback port that takes no key. */
export async function askingServer(secrets: Secrets): Promise<AskingServer> {
  const folder = makeTemporary();
  const key = makeKey(join(folder, "host"));
  const tried: string[] = [];
  const connections = new Set<Connection>();
  const server = new ssh2.Server({ hostKeys: [readFileSync(key.path)] }, (connection) => {
    connections.add(connection);
    connection.on("error", () => {});
    connection.on("close", () => connections.delete(connection));
    connection.on("authentication", (context) => {
      tried.push(context.method);
      judge(context, secrets);
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as { readonly port: number };
  const knownHosts = join(folder, "known_hosts");
  writeFileSync(knownHosts, `${hostKeyName("127.0.0.1", port)} ${key.line}\n`);
  const hangUp = () => {
    for (const connection of connections) connection.end();
  };
  return {
    port,
    knownHosts,
    tried,
    get open() {
      return connections.size;
    },
    hangUp,
    [Symbol.asyncDispose]: async () => {
      const closed = once(server, "close");
      server.close();
      hangUp();
      await closed;
      removeTemporary(folder);
    },
  };
}

function judge(context: AuthContext, { password, rounds }: Secrets): void {
  const methods = [
    ...(rounds === undefined ? [] : (["keyboard-interactive"] as const)),
    ...(password === undefined ? [] : (["password"] as const)),
  ];
  const refuse = () => context.reject([...methods]);
  if (context.method === "password" && context.password === password) context.accept();
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
