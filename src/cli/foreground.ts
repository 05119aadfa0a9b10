import { Failure } from "../failure.ts";
import type { Connection } from "../ssh/connection.ts";
import type { World } from "../world.ts";

/**
 * Holds a connection until Ctrl-C or the end of input, which are what the person was told to end it with: 0. Another
 * signal ends it with its own status. Throws a Failure "lost" when the connection ends by itself.
 */
export function holdInForeground(world: World, server: string, connection: Connection): Promise<number> {
  return new Promise((resolve, reject) => {
    world.onSignal((signal, status) => resolve(signal === "SIGINT" ? 0 : status));
    const { input } = world.stdio();
    const leave = (): void => resolve(0);
    // What is typed meanwhile is for nobody. An error is that of a terminal which has gone away.
    input.once("end", leave).once("error", leave).resume();
    void connection.closed.then((reason) =>
      reject(new Failure("lost", server, `connection lost: ${reason}`)),
    );
  });
}
