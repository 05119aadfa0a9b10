import { requestStop } from "../control/request.ts";
import { Failure } from "../failure.ts";
import { print } from "../report/results.ts";
import type { World } from "../world.ts";

/**
 * `--stop`: ends what the process in the background holds, for one SERVER or all. Open mailboxes finish, unless `now`.
 * The exit status is 1 when there was nothing to end.
 */
export async function stop(world: World, server: string | undefined, now: boolean): Promise<number> {
  const stopped = await requestStop(world, server, now);
  const servers = stopped.flatMap((one) => one.servers);
  if (servers.length === 0) {
    const what = server === undefined ? "no process runs in the background" : "no connection is open";
    throw new Failure("unknown", server ?? "--stop", what);
  }
  const sessions = stopped.reduce((sum, one) => sum + one.sessions, 0);
  const carried = stopped.reduce((sum, one) => sum + one.carried, 0);
  const open = [
    ...(sessions > 0 ? [counted(sessions, "open mailbox", "open mailboxes")] : []),
    ...(carried > 0 ? [counted(carried, "connection of a forward", "connections of forwards")] : []),
  ];
  const ends = open.length === 0 || now ? "ended" : `ends after its last use: ${open.join(", ")}`;
  print(
    world,
    servers.map((name) => `${name}: ${ends}`),
  );
  return 0;
}

function counted(count: number, one: string, more: string): string {
  return `${count} ${count === 1 ? one : more}`;
}
