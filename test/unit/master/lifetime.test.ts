import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, it } from "node:test";
import { Lifetime } from "../../../src/master/lifetime.ts";
import { Clocks } from "./clocks.ts";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

let clocks: Clocks;

/** Something that stays, as far as Lifetime sees it. */
class Thing {
  isIdle = true;
  ends = 0;
  readonly stay = new Lifetime(
    () => this.isIdle,
    () => this.ends++,
  );

  /** It is used for a while. */
  used(ms: number): void {
    this.isIdle = false;
    this.stay.look();
    clocks.pass(ms);
    this.isIdle = true;
    this.stay.look();
  }
}

describe("what nobody uses", () => {
  beforeEach(() => {
    clocks = new Clocks();
  });
  afterEach(() => clocks[Symbol.dispose]());

  function thing(persist: number | "forever"): Thing {
    const made = new Thing();
    made.stay.persist = persist;
    return made;
  }

  it("stays for its time after its last use, and no longer", () => {
    const one = thing(10 * MINUTE);
    one.used(HOUR);
    clocks.pass(10 * MINUTE - 1);
    assert.equal(one.ends, 0);
    clocks.pass(1);
    assert.equal(one.ends, 1);
  });

  it("ends at once where its time is 0", () => {
    const one = thing(0);
    one.used(1);
    assert.equal(one.ends, 1);
  });

  it("never ends where its time is forever", () => {
    const one = thing("forever");
    one.used(1);
    assert.equal(one.stay.until, "forever");
    clocks.pass(10 * HOUR);
    assert.equal(one.ends, 0);
  });

  it("has its time anew after a use of a moment", () => {
    const one = thing(MINUTE);
    one.used(1);
    clocks.pass(MINUTE - 1);
    one.stay.use();
    one.stay.look();
    clocks.pass(MINUTE - 1);
    assert.equal(one.ends, 0);
    clocks.pass(1);
    assert.equal(one.ends, 1);
  });

  it("does not stay longer because it was looked at", () => {
    const one = thing(MINUTE);
    one.used(1);
    for (let looks = 0; looks < 59; looks++) {
      clocks.pass(1_000);
      one.stay.look();
    }
    assert.equal(one.ends, 0);
    clocks.pass(1_000);
    assert.equal(one.ends, 1);
  });

  it("stays for the longest of the times that it was given", () => {
    const one = thing(MINUTE);
    one.stay.extend(HOUR);
    one.stay.extend(2 * MINUTE);
    one.used(1);
    assert.equal(one.stay.until, 1_700_000_000_000 + HOUR);
    clocks.pass(HOUR - 2);
    assert.equal(one.ends, 0);
    clocks.pass(1);
    assert.equal(one.ends, 1);
  });

  it("has the time that its last use had, though an earlier one had a longer one", () => {
    for (const first of [HOUR, "forever"] as const) {
      const one = thing(first);
      one.used(1);
      one.stay.persist = MINUTE;
      one.used(1);
      clocks.pass(MINUTE);
      assert.equal(one.ends, 1, String(first));
    }
  });

  it("keeps what it was promised when its uses count no more", () => {
    const one = thing("forever");
    one.stay.extend(MINUTE);
    one.used(1);
    one.stay.lapse();
    one.stay.look();
    assert.equal(one.ends, 0);
    clocks.pass(MINUTE);
    assert.equal(one.ends, 1);
  });

  it("says until when only while nobody uses it", () => {
    const one = thing(MINUTE);
    one.isIdle = false;
    one.stay.look();
    assert.equal(one.stay.until, undefined);
  });

  it("ends within half a minute after a sleep that was longer than its time", () => {
    const one = thing(HOUR);
    one.used(1);
    clocks.jump(8 * HOUR);
    clocks.pass(30_000);
    assert.equal(one.ends, 1);
  });

  it("stays no longer than its time from now when the clock is set back", () => {
    const one = thing(10 * MINUTE);
    one.used(1);
    clocks.pass(MINUTE);
    clocks.jump(-24 * HOUR);
    clocks.pass(10 * MINUTE + 30_000);
    assert.equal(one.ends, 1);
  });

  it("ends with its last use once it has been cut", () => {
    const one = thing("forever");
    one.used(1);
    one.isIdle = false;
    one.stay.cut();
    one.stay.look();
    clocks.pass(HOUR);
    assert.equal(one.ends, 0);
    one.isIdle = true;
    one.stay.look();
    assert.equal(one.ends, 1);
  });

  it("is not heard of once it has been stopped", () => {
    const one = thing(MINUTE);
    one.used(1);
    one.stay.stop();
    clocks.pass(HOUR);
    assert.equal(one.ends, 0);
  });
});
