import { requestLogin } from "../control/request.ts";
import { Failure } from "../failure.ts";
import type { Person } from "../person.ts";
import { Progress } from "../progress.ts";
import { openLog } from "../report/log.ts";
import { personAt } from "../report/person_at.ts";
import { print } from "../report/results.ts";
import { Logins } from "../second_chances.ts";
import { type Connected, openConnection, takeLeave } from "../session/opening.ts";
import { stateDirectory } from "../state/directory.ts";
import type { Decision } from "../table/decision.ts";
import { readTable, tablePath } from "../table/read.ts";
import type { World } from "../world.ts";
import { holdInForeground } from "./foreground.ts";
import { notInTable } from "./not_in_table.ts";
import { Timeline } from "./timeline.ts";
import { decideAsClient, userNotes } from "./user.ts";

/** What `--login` was given. */
export interface LoginWords {
  readonly server: string;
  readonly user: string | undefined;
}

/**
 * `--login`: logs in with whatever a person at the terminal can be asked for, a line for each step, and holds the
 * connection. Refused without a terminal, before anything is read: Alpine passes `{--login/user=work}` on as it is.
 */
export async function login(world: World, { server, user }: LoginWords): Promise<number> {
  const terminal = world.terminal();
  if (terminal === undefined) {
    throw new Failure("usage", "--login", "standard input is not a terminal, so preauth cannot ask");
  }
  const person = personAt(terminal, world);
  const table = await readTable(tablePath(world.env, world.home), world.uid, world.home);
  const call = await decideAsClient(world, table, { server, user, method: "imap" });
  if (call === undefined) throw notInTable(server, table.file);
  const { decision } = call;
  print(world, await userNotes(world, call));
  if (decision.share.value && (await byMaster(world, decision, person))) return 0;
  const { connection, target } = await loggedIn(world, decision, person);
  try {
    print(world, [`logged in to ${server} as ${target.user.value}; press Ctrl-C to end it`]);
    const status = await holdInForeground(world, server, connection);
    // After the ^C that the terminal shows.
    person.tell([""]);
    return status;
  } finally {
    await takeLeave(connection);
  }
}

/** Has the master log in, and leaves the connection with it. False where no master can be had. */
async function byMaster(world: World, decision: Decision, person: Person): Promise<boolean> {
  const { server } = decision;
  const { env, home } = world;
  const timeline = new Timeline(world);
  const lines = await requestLogin(
    world,
    { type: "login", decision, env, home, elapsed: world.elapsed() },
    {
      person: timeline.patient(person),
      onStep: (step, outcome) => timeline.done(step, outcome),
      onRemark: (line) => print(world, [`  the server says: ${line}`]),
    },
  );
  if (lines === undefined) return false;
  const { value } = decision.persist;
  const time = value === "forever" ? "until it is stopped" : `${value / 1000} s after its last use`;
  const user = decision.user?.value ?? "";
  print(world, [
    ...(lines.length > 0 ? lines : [`logged in to ${server} as ${user}`]),
    `the connection is kept for your mail client, ${time}; to end it: preauth --stop ${server}`,
  ]);
  return true;
}

/** Logs in, a line for each step, with whatever the person can be asked for. Throws a Failure. */
export async function loggedIn(
  world: World,
  decision: Decision,
  person: Person,
  purpose: "login" | "first" = "login",
): Promise<Connected> {
  const { server } = decision;
  const log = openLog(stateDirectory(world.env, world.home), world);
  const timeline = new Timeline(world);
  const progress = new Progress((step, outcome) => timeline.done(step, outcome));
  const broken = new AbortController();
  world.onSignal((signal, status) => broken.abort(new Failure("gone", server, signal, { status })));
  const onRemark = (line: string): void => {
    log(`${server}: said: ${line}`);
    print(world, [`  the server says: ${line}`]);
  };
  try {
    return await openConnection(decision, {
      ...{
        world,
        note: log,
        progress,
        broken: broken.signal,
        purpose,
        onRemark,
        logins: new Logins(),
      },
      person: timeline.patient(person),
    });
  } catch (error) {
    timeline.failed(progress.step);
    throw error;
  }
}
