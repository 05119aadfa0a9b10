import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { routeOf, shareKey } from "../../../src/master/share_key.ts";
import type { Decision } from "../../../src/table/decision.ts";
import { decisionWith, tabled } from "./decisions.ts";

type Shared = Pick<
  Decision,
  "destination" | "user" | "port" | "identity" | "sshConfig" | "knownHosts" | "compression"
>;

const word = fc.string({ maxLength: 6 });
const maybe = <T>(values: fc.Arbitrary<T>) => fc.option(values.map(tabled), { nil: undefined });

/** What the connection depends on. */
const shared: fc.Arbitrary<Shared> = fc.record({
  destination: fc.constantFrom("a", "b", "a.b").map(tabled),
  user: maybe(fc.constantFrom("a", "b", "")),
  port: maybe(fc.constantFrom(22, 23)),
  identity: maybe(fc.array(fc.constantFrom("a", "b", ""), { maxLength: 3 })),
  sshConfig: maybe(fc.constantFrom("a", "none")),
  knownHosts: maybe(fc.array(fc.constantFrom("a", "b", ""), { maxLength: 3 })),
  compression: maybe(fc.boolean()),
});

/** What it does not depend on. */
const own: fc.Arbitrary<Partial<Decision>> = fc.record({
  server: word,
  method: word,
  host: fc.nat(),
  onFailure: fc.constantFrom("refuse" as const, "tell" as const, "silent" as const).map(tabled),
  deadline: fc.nat().map(tabled),
  share: fc.boolean().map(tabled),
  persist: fc.nat().map(tabled),
  spare: fc.constantFrom(0 as const, 1 as const).map(tabled),
  command: fc.option(
    word.map((line) => tabled({ kind: "line" as const, line })),
    { nil: undefined },
  ),
});

function valuesOf(keys: Shared): string {
  const { destination, user, port, identity, sshConfig, knownHosts, compression } = keys;
  return JSON.stringify(
    [destination, user, port, identity, sshConfig, knownHosts, compression].map((it) => it ?? null),
  );
}

describe("two calls", () => {
  it("share a connection whatever METHOD, SERVER, command and times they have", () => {
    fc.assert(
      fc.property(shared, own, own, (keys, one, other) => {
        assert.equal(
          shareKey(decisionWith({ ...one, ...keys })),
          shareKey(decisionWith({ ...other, ...keys })),
        );
      }),
    );
  });

  it("share one exactly when server, user, port, identity, ssh_config, known_hosts and compression are the same", () => {
    const pair = fc.oneof(
      fc.tuple(shared, shared),
      // Most pairs differ in much: here one key of the other's is taken over.
      fc
        .tuple(
          shared,
          shared,
          fc.constantFrom<keyof Shared>("user", "port", "identity", "knownHosts", "compression"),
        )
        .map(([one, other, key]) => [one, { ...one, [key]: other[key] }] as const),
    );
    fc.assert(
      fc.property(pair, ([one, other]) => {
        const isSame = shareKey(decisionWith(one)) === shareKey(decisionWith(other));
        assert.equal(isSame, valuesOf(one) === valuesOf(other));
      }),
      { numRuns: 1_000 },
    );
  });

  it("share one wherever the values came from, but not where the server is written in another case", () => {
    const table = { kind: "table", path: ["host", 3, "user"] } as const;
    const one = decisionWith({ destination: tabled("work"), user: { value: "jane", from: table } });
    const other = decisionWith({
      destination: tabled("work"),
      user: { value: "jane", from: { kind: "call" } },
    });
    assert.equal(shareKey(one), shareKey(other));
    // `Host Work` and `Host work` of ssh_config are two machines.
    assert.notEqual(
      shareKey(decisionWith({ destination: tabled("Work") })),
      shareKey(decisionWith({ destination: tabled("work") })),
    );
  });

  it("share one also after their decisions have gone through JSON", () => {
    fc.assert(
      fc.property(shared, own, (keys, rest) => {
        const decision = decisionWith({ ...rest, ...keys });
        assert.equal(shareKey(JSON.parse(JSON.stringify(decision))), shareKey(decision));
      }),
    );
  });
});

describe("what one table leads to one place", () => {
  const route = (keys: Partial<Decision>, env: Record<string, string> = {}) =>
    routeOf({ decision: decisionWith(keys), env, home: "/home/jane" });
  const jane = { value: "jane", from: { kind: "call" } } as const;

  it("is a SERVER as it is written, for each USER that the call gives", () => {
    assert.notEqual(route({ server: "Work" }), route({ server: "work" }));
    assert.notEqual(route({ server: "work" }), route({ server: "club" }));
    assert.notEqual(route({ user: jane }), route({ user: { ...jane, value: "joe" } }));
    assert.equal(route({ user: tabled("jane") }), route({ user: tabled("joe") }));
    assert.equal(route({ destination: tabled("a") }), route({ destination: tabled("b") }));
  });

  it("is another one by another table", () => {
    assert.notEqual(route({}), route({}, { PREAUTH_TABLE: "/a" }));
    assert.notEqual(route({}), route({}, { XDG_CONFIG_HOME: "/a" }));
    assert.equal(route({}), route({}, { PREAUTH_TABLE: "" }));
  });
});
