import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { answerOf, requestOf } from "../../../src/control/checked_request.ts";
import type { Request } from "../../../src/control/protocol.ts";
import { Failure } from "../../../src/failure.ts";
import { decisionWith, tabled } from "../master/decisions.ts";

const WANTED = {
  decision: decisionWith({
    port: tabled(22),
    identity: tabled(["~/.ssh/key"]),
    sshConfig: tabled("none"),
    knownHosts: tabled(["/known"]),
    compression: tabled(true),
    command: tabled({ kind: "auto" }),
    forwards: [
      { name: "smtp", listen: 2025, to: { host: "mail", port: 25 }, unless: {}, allow: "same-user" },
      {
        name: "nntp",
        listen: "/socket",
        to: { host: "news", port: 119 },
        via: ["*.test"],
        unless: { domain: ["home.net"], reachable: { host: "news", port: 119 } },
        allow: "any-user",
      },
    ],
  }),
  env: { HOME: "/home/jane", SSH_AUTH_SOCK: "/agent" },
  home: "/home/jane",
  elapsed: 12.5,
} as const;

const PORT = { kind: "port", to: { host: "localhost", port: 143 }, login: "client" } as const;

const REQUESTS: readonly Request[] = [
  { type: "session", ...WANTED },
  { type: "session", ...WANTED, decision: decisionWith() },
  { type: "session", ...WANTED, decision: decisionWith({ command: tabled(PORT) }) },
  { type: "forward", ...WANTED, time: "forever" },
  { type: "forward", ...WANTED, time: 1_000 },
  { type: "login", ...WANTED },
  { type: "status" },
  { type: "stop", now: true },
  { type: "stop", now: false, server: "mail.test" },
];

/** As it comes out of a frame. */
function sent(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value));
}

/** Every place in a value where something else could stand: the path to it. */
function places(value: unknown): (readonly string[])[] {
  if (typeof value !== "object" || value === null) return [[]];
  return [[], ...Object.entries(value).flatMap(([key, it]) => places(it).map((path) => [key, ...path]))];
}

/** The value with something else at a place. */
function changed(value: unknown, [key, ...path]: readonly string[], other: unknown): unknown {
  if (key === undefined) return other;
  const copy = Array.isArray(value) ? [...value] : { ...Object(value) };
  copy[key] = changed(copy[key], path, other);
  return copy;
}

function isRefused(value: unknown): boolean {
  try {
    requestOf(value);
    return false;
  } catch (error) {
    // Anything else would be told as an error of the program's own, with its stack.
    assert.equal(error instanceof Failure && error.trouble === "bug", true, String(error));
    return true;
  }
}

describe("what comes in", () => {
  it("is a request as a caller sends it", () => {
    for (const request of REQUESTS) assert.deepEqual(requestOf(sent(request)), sent(request));
  });

  it("is a request also with keys of a newer caller", () => {
    for (const request of REQUESTS) assert.equal(isRefused({ ...request, more: {} }), false);
  });

  it("is no request with anything of another type in any place", () => {
    const wrong: readonly unknown[] = [{}, [{}], { value: {} }, "\0", -1, Number.POSITIVE_INFINITY];
    for (const request of REQUESTS) {
      const whole = sent(request);
      for (const path of places(whole)) {
        for (const other of wrong) {
          // An empty condition and an empty environment are right, as is an empty [[forward]].unless.
          const isEmpty = JSON.stringify(other) === "{}" && /^(env|unless)$/.test(path.at(-1) ?? "");
          if (isEmpty || JSON.stringify(other) === '{"value":{}}') continue;
          assert.equal(
            isRefused(changed(whole, path, other)),
            true,
            `${path.join(".")}: ${JSON.stringify(other)}`,
          );
        }
      }
    }
  });

  it("is no request with null in any place", () => {
    for (const request of REQUESTS) {
      const whole = sent(request);
      for (const path of places(whole))
        assert.equal(isRefused(changed(whole, path, null)), true, path.join("."));
    }
  });

  it("is no request without what it needs", () => {
    for (const key of ["decision", "env", "home", "elapsed"]) {
      assert.equal(isRefused({ type: "session", ...WANTED, [key]: undefined }), true, key);
    }
    for (const key of ["destination", "deadline", "persist", "spare", "forwards", "server", "method"]) {
      const decision = { ...WANTED.decision, [key]: undefined };
      assert.equal(isRefused({ type: "session", ...WANTED, decision }), true, key);
    }
    assert.equal(isRefused({ type: "forward", ...WANTED }), true);
    assert.equal(isRefused({ type: "stop" }), true);
  });

  it("is no request by a name that every object has", () => {
    for (const type of ["constructor", "toString", "__proto__", "hasOwnProperty", "", "answer", "here"]) {
      assert.equal(isRefused({ type }), true, type);
    }
    assert.equal(isRefused(JSON.parse('{"__proto__":{"type":"status"}}')), true);
  });

  it("is no request when it is any other JSON", () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => isRefused(value)),
      { numRuns: 500 },
    );
  });

  it("is refused or right with arbitrary JSON in any place of a request, and never an error", () => {
    const whole = fc.constantFrom(...REQUESTS.map(sent));
    const mutated = whole.chain((request) =>
      fc
        .tuple(fc.constantFrom(...places(request)), fc.jsonValue())
        .map(([path, other]) => changed(request, path, other)),
    );
    fc.assert(
      fc.property(mutated, (value) => void isRefused(value)),
      { numRuns: 2_000 },
    );
  });

  it("is an answer with a text or without, and nothing else is", () => {
    assert.deepEqual(answerOf({ type: "answer", text: "yes" }), { type: "answer", text: "yes" });
    assert.deepEqual(answerOf({ type: "answer" }), { type: "answer" });
    for (const value of [null, {}, [], "answer", { type: "status" }, { type: "answer", text: 1 }]) {
      assert.equal(answerOf(value), undefined);
    }
  });
});
