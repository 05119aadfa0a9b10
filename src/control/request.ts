import { onAbort } from "../abort.ts";
import { Failure, fromParts } from "../failure.ts";
import type { Person } from "../person.ts";
import type { Step } from "../progress.ts";
import { openLog } from "../report/log.ts";
import { stateDirectory } from "../state/directory.ts";
import type { World } from "../world.ts";
import { type Control, reachAt, reachMaster } from "./callers_end.ts";
import { allSockets } from "./other_sockets.ts";
import type { Reply, Request, Status } from "./protocol.ts";

/** What can be done about a reply. */
interface Means {
  answer(text: string): void;
  fail(error: unknown): void;
  /** Aborted when the master has said all, or a signal came. */
  readonly signal: AbortSignal;
}

/**
 * Puts a verb's request to the master and gives what `take` makes of its replies; undefined when there is no master to
 * be had. Throws the master's Failure.
 */
async function requested<T>(
  world: World,
  request: Request,
  take: (reply: Reply, means: Means) => T | undefined,
): Promise<T | undefined> {
  const note = openLog(stateDirectory(world.env, world.home), world);
  const control = await reachMaster(world, request, { mayStart: true, note });
  return control && heard(world, control, take);
}

/** What `take` makes of the replies to a request that has been put. Throws the master's Failure. */
async function heard<T>(
  world: World,
  control: Control,
  take: (reply: Reply, means: Means) => T | undefined,
): Promise<T> {
  const over = new AbortController();
  world.onSignal((signal, status) => over.abort(new Failure("gone", "preauth", signal, { status })));
  try {
    return await new Promise((resolve, reject) => {
      onAbort(over.signal, () => reject(over.signal.reason));
      const means: Means = {
        answer: (text) => control.answer(text),
        fail: reject,
        signal: over.signal,
      };
      control.listen({
        reply: (reply) => {
          if (reply.type === "failure") return reject(fromParts(reply.failure));
          const taken = take(reply, means);
          if (taken !== undefined) resolve(taken);
        },
        data: () => {},
        end: () => {},
        closed: (error) =>
          reject(error ?? new Failure("network", "preauth", "the process in the background has ended")),
      });
    });
  } finally {
    // A question that is open is withdrawn.
    over.abort(new Error("over"));
    control.close();
  }
}

/** The same of every master of the user's that answers, wherever it listens. Throws where one hangs, which is not none. */
async function requestedOfAll<T>(
  world: World,
  request: Request,
  take: (reply: Reply) => T | undefined,
): Promise<readonly T[]> {
  const found: T[] = [];
  for (const path of allSockets(world)) {
    const control = await reachAt(world, path, request).catch((error: Error) => {
      throw unanswered(request, error);
    });
    if (control) found.push(await heard(world, control, take));
  }
  return found;
}

/** For who asks about the master itself. */
function unanswered({ type }: Request, { message }: Error): Failure {
  return new Failure("deadline", `--${type}`, `the process in the background cannot be asked: ${message}`, {
    hints: [
      'its number is in the log, in the last line with "master: listening"; to end it: kill -KILL NUMBER',
    ],
  });
}

/** Brings up forwards in the master, and gives the lines to be shown. */
export function requestForwards(
  world: World,
  request: Request & { readonly type: "forward" },
): Promise<readonly string[] | undefined> {
  return requested(world, request, (reply) => (reply.type === "done" ? reply.lines : undefined));
}

/** What is told while the master logs in, and who is asked. */
export interface LoginEar {
  readonly person: Person;
  readonly onStep: (step: Step, outcome: string) => void;
  readonly onRemark: (line: string) => void;
}

/** Has the master log in; gives lines to be shown. Throws the master's Failure, or the person's. */
export function requestLogin(
  world: World,
  request: Request & { readonly type: "login" },
  { person, onStep, onRemark }: LoginEar,
): Promise<readonly string[] | undefined> {
  return requested(world, request, (reply, { answer, fail, signal }) => {
    switch (reply.type) {
      case "step":
        onStep(reply.step, reply.outcome);
        return undefined;
      case "remark":
        onRemark(reply.line);
        return undefined;
      case "tell":
        person.tell(reply.lines);
        return undefined;
      case "question":
        person.ask(reply.question, { echo: reply.echo, signal }).then(answer, fail);
        return undefined;
      default:
        return reply.type === "done" ? reply.lines : undefined;
    }
  });
}

/** What each master holds. */
export function requestStatus(world: World): Promise<readonly Status[]> {
  return requestedOfAll(world, { type: "status" }, (reply) =>
    reply.type === "status" ? reply.status : undefined,
  );
}

/** Has each master end what it holds for a server, or all. */
export function requestStop(
  world: World,
  server: string | undefined,
  now: boolean,
): Promise<readonly (Reply & { readonly type: "stopped" })[]> {
  const request = { type: "stop", now, ...(server === undefined ? {} : { server }) } as const;
  return requestedOfAll(world, request, (reply) => (reply.type === "stopped" ? reply : undefined));
}
