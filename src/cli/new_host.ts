import { Failure } from "../failure.ts";
import { isHostname, isUser } from "../table/names.ts";
import { readAccount } from "../target/account.ts";
import { parseJumps } from "../target/jump.ts";
import type { World } from "../world.ts";
import type { Asker } from "./asker.ts";
import type { FoundServer } from "./found_servers.ts";

/** What the person, or a proposal, says about a server that the table does not have. */
interface Wanted {
  readonly server: string;
  readonly destination: string;
  readonly port: string | undefined;
  readonly user: string;
}

/** The SERVER to begin with: one of those that were found, by its number, or another. */
export async function chosenServer(found: readonly FoundServer[], asker: Asker | undefined): Promise<string> {
  const [first] = found;
  if (asker === undefined) {
    if (first !== undefined) return first.name;
    throw new Failure("usage", "usage", "--init needs a SERVER: no mail program or ssh_config names one");
  }
  if (first !== undefined) {
    asker.tell(
      found.slice(0, MOST_SHOWN).map(({ name, user, from }, index) => {
        return `${index + 1}  ${user === undefined ? "" : `${user}@`}${name}  (${from})`;
      }),
    );
  }
  const usual = first === undefined ? "" : "1";
  const byNumber = (answer: string): string | undefined => found[Number(answer) - 1]?.name;
  const answer = await asker.line(
    "name of the mail server, as your mail program will use it",
    usual,
    (one) => (/^\d{1,2}$/.test(one) ? byNumber(one) !== undefined : isHostname(one)),
  );
  return byNumber(answer) ?? answer;
}

/** Proposals beyond these scroll away. */
const MOST_SHOWN = 20;

/** A server that a table is to have, and who can be asked about it. */
interface Addition {
  readonly file: string;
  readonly server: string;
  readonly found: readonly FoundServer[];
  readonly asker: Asker | undefined;
}

/** The table with one more [[host]] at its end: what stands there already stays to the byte. Throws a Failure. */
export async function withHost(
  world: World,
  before: string,
  { file, server, found, asker }: Addition,
): Promise<string> {
  const own = found.find(({ name }) => name === server.toLowerCase());
  const user = own?.user ?? (await account(world, AbortSignal.timeout(USUAL_MS)));
  const wanted = await asked(asker, { server, destination: server, port: undefined, user });
  // TOML has one of the two ways, and not both.
  if (/^[ \t]*host[ \t]*=/m.test(before)) {
    throw new Failure("table", file, "has its hosts in a list, which --init does not add to", {
      hints: [`add this to the list: { ${hostLines(wanted).slice(1).join(", ")} }`],
    });
  }
  const eol = before.includes("\r\n") ? "\r\n" : "\n";
  const gap = before === "" ? "" : before.endsWith("\n") ? eol : eol + eol;
  return (
    before +
    gap +
    hostLines(wanted)
      .map((line) => line + eol)
      .join("")
  );
}

/** Milliseconds for a look at the password file. */
const USUAL_MS = 10_000;

async function asked(asker: Asker | undefined, usual: Wanted): Promise<Wanted> {
  if (asker === undefined) return usual;
  const isDestination = (text: string): boolean => {
    const [jump, ...others] = parseJumps(text) ?? [];
    return jump !== undefined && others.length === 0 && isHostname(jump.host) && !/[@/]/.test(jump.host);
  };
  const answer = await asker.line("host to ssh to, as [USER@]HOST[:PORT]", usual.destination, isDestination);
  const [jump] = parseJumps(answer) ?? [];
  const { host: destination = usual.destination, port, user: given } = jump ?? {};
  const user = await asker.line("login name on the server", given ?? usual.user, isUser);
  return { server: usual.server, destination, port, user };
}

function hostLines({ server, destination, port, user }: Wanted): readonly string[] {
  return [
    "[[host]]",
    `match = ${JSON.stringify(server)}`,
    ...(destination === server ? [] : [`server = ${JSON.stringify(destination)}`]),
    `user = ${JSON.stringify(user)}`,
    ...(port === undefined ? [] : [`port = ${Number(port)}`]),
  ];
}

async function account(world: World, signal: AbortSignal): Promise<string> {
  return (await readAccount(world.uid, signal)).user;
}
