import { Failure } from "../failure.ts";
import type { Command, Decision, SessionForward, Settled } from "../table/decision.ts";
import type { Endpoint, PlaceForward } from "../table/table.ts";
import type { Answer, Request, Wanted } from "./protocol.ts";

/*
 * What comes in at the control socket is what JSON.parse() made of another process's bytes. It is looked at here, once:
 * behind this point a request has the types that protocol.ts gives it.
 */

type Test = (value: unknown) => boolean;

/** A test for each key; a key that nobody knows does no harm. */
type Tests<T> = { readonly [K in keyof T]-?: Test };

/** The request that a message is. Throws a Failure for what is none. */
export function requestOf(value: unknown): Request {
  const type = isObject(value) ? value.type : undefined;
  // A caller of ours does not send such a thing: "bug" makes it go on without the master.
  const test = typeof type === "string" ? REQUESTS.get(type) : undefined;
  if (test === undefined) throw new Failure("bug", "master", "unknown request");
  if (!test(value)) throw new Failure("bug", "master", `malformed request "${String(type)}"`);
  return value as Request;
}

/** The answer that a message is; undefined for what is none. */
export function answerOf(value: unknown): Answer | undefined {
  return ANSWER(value) ? (value as Answer) : undefined;
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** No NUL: what is said here becomes words and environments of processes. */
function text(value: unknown): boolean {
  return typeof value === "string" && !value.includes("\0");
}

function bool(value: unknown): boolean {
  return typeof value === "boolean";
}

/** Milliseconds. */
function time(value: unknown): boolean {
  return typeof value === "number" && Number.isFinite(value) && value >= 0;
}

function index(value: unknown): boolean {
  return Number.isSafeInteger(value) && Number(value) >= 0;
}

function port(value: unknown): boolean {
  return index(value) && Number(value) >= 1 && Number(value) <= 65_535;
}

function absent(value: unknown): boolean {
  return value === undefined;
}

function word(...words: readonly unknown[]): Test {
  return (value) => words.includes(value);
}

function either(...tests: readonly Test[]): Test {
  return (value) => tests.some((test) => test(value));
}

function maybe(test: Test): Test {
  return (value) => value === undefined || test(value);
}

function list(test: Test): Test {
  return (value) => Array.isArray(value) && value.every(test);
}

function object<T>(tests: Tests<T>): Test {
  const all = Object.entries<Test>(tests);
  return (value) => isObject(value) && all.every(([key, test]) => test(value[key]));
}

const TEXTS = list(text);
const PERSIST = either(word("forever"), time);
const ORIGIN = either(
  object({ kind: word("table"), path: list(either(text, index)) }),
  object({ kind: word("call", "ssh_config", "default") }),
);

function settled(test: Test): Test {
  return object<Settled<unknown>>({ value: test, from: ORIGIN });
}

const ENDPOINT = object<Endpoint>({ host: text, port });

const COMMAND = either(
  object<Command & { kind: "auto" }>({ kind: word("auto") }),
  object<Command & { kind: "line" }>({ kind: word("line"), line: text }),
  object<Command & { kind: "port" }>({
    kind: word("port"),
    to: ENDPOINT,
    login: word("nobody", "client", "unable"),
  }),
);

const FORWARD_KEYS = {
  name: text,
  listen: either(port, text),
  via: maybe(TEXTS),
  unless: object<PlaceForward["unless"]>({ domain: maybe(TEXTS), reachable: maybe(ENDPOINT) }),
  allow: word("same-user", "any-user"),
};

const FORWARD = either(
  object<PlaceForward>({ ...FORWARD_KEYS, to: ENDPOINT, method: absent }),
  object<SessionForward>({
    ...FORWARD_KEYS,
    method: text,
    to: absent,
    command: maybe(settled(COMMAND)),
  }),
);

const DECISION = object<Decision>({
  server: text,
  method: text,
  host: index,
  destination: settled(text),
  user: maybe(settled(text)),
  port: maybe(settled(port)),
  identity: maybe(settled(TEXTS)),
  sshConfig: maybe(settled(text)),
  knownHosts: maybe(settled(TEXTS)),
  compression: maybe(settled(bool)),
  onFailure: settled(word("refuse", "tell", "silent")),
  deadline: settled(time),
  share: settled(bool),
  persist: settled(PERSIST),
  spare: settled(word(0, 1)),
  command: maybe(settled(COMMAND)),
  forwards: list(FORWARD),
});

const WANTED: Tests<Wanted> = {
  decision: DECISION,
  env: (value) => isObject(value) && Object.entries(value).every(([key, it]) => text(key) && text(it)),
  home: text,
  elapsed: time,
};

const REQUESTS: ReadonlyMap<string, Test> = new Map(
  Object.entries<Test>({
    session: object<Wanted>(WANTED),
    forward: object<Wanted & { time: unknown }>({ ...WANTED, time: PERSIST }),
    login: object<Wanted>(WANTED),
    status: () => true,
    stop: object<{ server: unknown; now: unknown }>({ server: maybe(text), now: bool }),
  } satisfies Record<Request["type"], Test>),
);

const ANSWER = object<Answer>({ type: word("answer"), text: maybe(text) });
