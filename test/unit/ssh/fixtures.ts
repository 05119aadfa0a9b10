import assert from "node:assert/strict";
import type { Person } from "../../../src/person.ts";
import { Progress, type Step } from "../../../src/progress.ts";
import { connect } from "../../../src/ssh/connect.ts";
import type { Connection } from "../../../src/ssh/connection.ts";
import { LoginFailure } from "../../../src/ssh/login/login_failure.ts";
import type { Decision, Origin, Settled } from "../../../src/table/decision.ts";
import type { Target } from "../../../src/target/target.ts";
import type { Sshd } from "../../peers/sshd.ts";

const DEFAULT: Origin = { kind: "default" };

export function settled<T>(value: T, from: Origin = DEFAULT): Settled<T> {
  return { value, from };
}

/** A decision of the table for `destination`, which can be changed key by key. */
export function decisionFor(destination: string, keys: Partial<Decision> = {}): Decision {
  return {
    server: "mail.test",
    method: "imap",
    host: 0,
    destination: settled(destination, { kind: "table", path: ["host", 0, "server"] }),
    user: settled("jane", { kind: "call" }),
    port: undefined,
    identity: undefined,
    sshConfig: undefined,
    knownHosts: undefined,
    compression: undefined,
    onFailure: settled("refuse"),
    deadline: settled(10_000),
    share: settled(true),
    persist: settled(600_000),
    spare: settled(0),
    command: undefined,
    forwards: [],
    ...keys,
  };
}

/** Values of a target that differ from what leads to a plain sshd. */
export type Values = { readonly [K in keyof Target]?: Target[K] extends Settled<infer T> ? T : string };

/** A target that leads to an sshd of the test's own, which can be changed value by value. */
export function targetFor(
  sshd: Pick<Sshd, "host" | "port" | "user" | "identity" | "knownHosts">,
  values: Values = {},
) {
  const plain = {
    host: sshd.host,
    port: sshd.port,
    user: sshd.user,
    addressFamily: "any",
    tcp: {
      ...{ bindAddress: undefined, bindInterface: undefined },
      ...{ attempts: 1, keepAlive: true, timeout: undefined },
    },
    hostKeyName: `[${values.host ?? sshd.host}]:${sshd.port}`,
    knownHosts: [sshd.knownHosts],
    newHostKeys: (values.knownHosts ?? [sshd.knownHosts])[0],
    hashNames: false,
    revokedHostKeys: [],
    knownHostsCommand: undefined,
    identityFiles: [sshd.identity],
    identitiesOnly: false,
    agent: undefined,
    agentVariable: { name: "SSH_AUTH_SOCK", keptBy: undefined },
    certificateFiles: [],
    methods: ["publickey", "keyboard-interactive", "password"],
    bindsProofs: true,
    passwordPrompts: 3,
    compression: false,
    allowed: { kex: undefined, hostKey: undefined, cipher: undefined, mac: undefined, userKey: undefined },
    caSignatures: undefined,
    smallestRsa: 1024,
    proxyCommand: undefined,
    ...values,
  };
  const entries = Object.entries(plain).map(([key, value]) => [key, settled(value)]);
  return {
    server: "mail.test",
    byHand: ["mail.test"],
    jumps: [],
    passedOver: [],
    askingProxyCommand: values.proxyCommand,
    ...Object.fromEntries(entries),
  } as Target;
}

/** What a connection has told of itself. */
export interface Story {
  readonly steps: (readonly [Step, string])[];
  readonly progress: Progress;
  /** All that it was doing, one after the other. */
  readonly doings: string[];
  readonly notes: string[];
  readonly banners: string[];
}

export function newStory(): Story {
  const steps: (readonly [Step, string])[] = [];
  const progress = new Progress((step, outcome) => steps.push([step, outcome]));
  const doings: string[] = [];
  const begin = progress.begin.bind(progress);
  progress.begin = (step, doing) => {
    doings.push(doing);
    begin(step, doing);
  };
  return { steps, progress, doings, notes: [], banners: [] };
}

/** Connects as the program does, with everything that is told kept in `story`. */
export function connectTo(
  target: Target,
  story: Story = newStory(),
  signal: AbortSignal = new AbortController().signal,
  person?: Person,
): Promise<Connection> {
  return connect(target, {
    signal,
    purpose: person === undefined ? "mail" : "login",
    ...(person && { person }),
    progress: story.progress,
    env: process.env,
    note: (line) => story.notes.push(line),
    banner: (line) => story.banners.push(line),
  });
}

/** A signal that nobody aborts. */
export function never(): AbortSignal {
  return new AbortController().signal;
}

/** Logs in and out, and gives what was told of it. */
export async function logIn(sshd: Sshd, values: Values, person?: Person) {
  const story = newStory();
  const connection = await connectTo(targetFor(sshd, values), story, never(), person);
  connection.end();
  await connection.closed;
  const outcome = story.steps.find(([step]) => step === "auth")?.[1] ?? "";
  return { outcome, connection, story };
}

/** The failure of a login that the server, or the lack of keys, does not let happen. */
export async function refusedLogin(sshd: Sshd, values: Values, person?: Person): Promise<LoginFailure> {
  const story = newStory();
  const failure = await connectTo(targetFor(sshd, values), story, never(), person).then(
    (connection) => connection.end(),
    (error) => error,
  );
  assert.ok(failure instanceof LoginFailure, String(failure));
  assert.equal(failure.status, 77);
  assert.equal(story.progress.step, "auth");
  assert.ok(!story.steps.some(([step]) => step === "auth"));
  return failure;
}
