import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { matches } from "../../../src/table/match.ts";
import { fits } from "../../../src/table/stars.ts";

async function chooses(globs: readonly string[], ...servers: readonly string[]): Promise<void> {
  for (const server of servers) assert.ok(await matches(globs, server), `${globs} should match ${server}`);
}

async function leaves(globs: readonly string[], ...servers: readonly string[]): Promise<void> {
  for (const server of servers)
    assert.ok(!(await matches(globs, server)), `${globs} should not match ${server}`);
}

test("each listed form of a name is matched without DNS: canonical, alias, upper case, dot, IPv4, IPv6", async () => {
  const listed = ["imap4.isp.com", "mail.isp.com", "192.0.2.7", "2001:db8::7"];
  await chooses(listed, "imap4.isp.com", "mail.isp.com", "MAIL.ISP.COM", "Mail.Isp.Com.", "192.0.2.7");
  await chooses(listed, "2001:db8::7", "2001:DB8::7");
  await leaves(listed, "isp.com", "mail.isp.com.evil.net", "mail.isp.com..", "192.0.2.70", "2001:db8::70");
});

test("case and a trailing dot of the glob do not matter", async () => {
  await chooses(["Mail.ISP.com."], "mail.isp.com", "mail.isp.com.");
  await chooses(["*.ISP.com."], "mail.isp.com");
  await chooses(["M?il.ISP.com."], "mail.isp.com.");
});

test("a star spans dots, slashes, a leading dot, and nothing at all", async () => {
  await chooses(["*"], "a", "a.b.c", ".hidden", "..", ".");
  await chooses(["*.isp.com"], "mail.isp.com", "a.b.isp.com", ".isp.com");
  await leaves(["*.isp.com"], "isp.com", "mail.isp.com.net");
  await chooses(["mail*"], "mail", "mail.isp.com", "mail/x");
  await chooses(["a*c*"], "ac", "a.b.c.d", "a/c/.d");
  await chooses(["a.*"], "a..b", "a./", "a...");
  await chooses(["**"], "a.b", ".");
});

test("a glob may have any number of stars, question marks and names in it", async () => {
  await chooses(["*a*b*c*d*e*"], "abcde", "xaxbxcxdxex", "a.b.c.d.e.e");
  await leaves(["*a*b*c*d*e*"], "abcd", "edcba", "");
  await chooses(["m*i*.*.com"], "mail.isp.com", "mii.a.b.com", "m.i.com.com");
  await leaves(["m*i*.*.com"], "mail.com", "mail.isp.com.net");
  await chooses(["??????"], "mail-7");
  await leaves(["??????"], "mail-", "mail-77");
  await chooses(["?*?*?*\u{1f4ea}"], "abc\u{1f4ea}");
  await leaves(["?*?*?*\u{1f4ea}"], "ab\u{1f4ea}");
});

test("a question mark is one character", async () => {
  await chooses(["mail?"], "mail1", "mail-", "mail/");
  await leaves(["mail?"], "mail", "mail12", "mail.");
  await chooses(["?"], "\u{1f4ea}");
});

test("brackets, braces, parentheses and backslashes are only themselves", async () => {
  await chooses(["[::1]"], "[::1]");
  await leaves(["[::1]"], "::1", ":", "1");
  await chooses(["[::1]*"], "[::1]:22");
  await chooses(["{a,b}?"], "{a,b}c");
  await leaves(["{a,b}?"], "ac", "bc");
  await leaves(["+(x)*", "@(x|y)*", "[a-z]*", "x{1,2}*", "\\x*"], "x", "xx", "y");
  await chooses(["\\?"], "\\x");
});

test("a glob after an exclamation mark excludes, wherever it stands", async () => {
  await leaves(["*.isp.com", "!www.isp.com"], "www.isp.com", "WWW.isp.com.");
  await leaves(["!www.isp.com", "*.isp.com"], "www.isp.com");
  await leaves(["!w?w.isp.com", "*.isp.com"], "www.isp.com");
  await chooses(["!www.isp.com", "*.isp.com"], "mail.isp.com");
});

test("a list of nothing but exclusions matches nothing", async () => {
  await leaves(["!www.isp.com", "!*.net"], "mail.isp.com", "www.isp.com");
  await leaves([], "mail.isp.com");
});

/** What a list means, said in the slowest way. */
function isChosen(globs: readonly string[], server: string): boolean {
  const plain = (text: string): string[] => [...text.toLowerCase().replace(/\.$/, "")];
  const hit = (glob: string): boolean => means(plain(glob), plain(server));
  if (globs.some((glob) => glob.startsWith("!") && hit(glob.slice(1)))) return false;
  return globs.some((glob) => !glob.startsWith("!") && hit(glob));
}

function means([first, ...rest]: readonly string[], name: readonly string[]): boolean {
  if (first === undefined) return name.length === 0;
  if (first === "*" && means(rest, name)) return true;
  if (name.length === 0) return false;
  if (first === "*") return means([first, ...rest], name.slice(1));
  return (first === "?" || first === name[0]) && means(rest, name.slice(1));
}

const text = fc
  .array(fc.constantFrom(...'abAx01.*?!/[]{}(),+@|^$\\-: "é\u{1f4ea}'), { maxLength: 7 })
  .map((characters) => characters.join(""));

test("any list of globs means what the reference says", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(text, { maxLength: 3 }), text, async (globs, server) => {
      assert.equal(await matches(globs, server), isChosen(globs, server));
    }),
    { numRuns: 3_000 },
  );
});

/** How often a glob of several stars is looked at while a name is held against it. */
function steps(glob: string, name: string): number {
  let count = 0;
  const characters = new Proxy(Array.from(glob), {
    get(target, key) {
      if (key !== "length") count++;
      return Reflect.get(target, key);
    },
  });
  fits(characters, Array.from(name));
  return count;
}

/** A step is some nanoseconds: a millisecond has room for hundred thousand of them on any machine. */
const MOST_STEPS = 100_000;

/** Globs of 255 bytes that a way of going back to each star would never be done with, and names for them. */
const COSTLY: readonly (readonly [glob: string, name: string])[] = [
  [`${"*a".repeat(127)}b`, "a".repeat(255)],
  [`*${"a".repeat(127)}*${"a".repeat(125)}b`, "a".repeat(255)],
  [`*${"a".repeat(126)}b${"*".repeat(126)}b`, "a".repeat(255)],
  [`${"*".repeat(254)}b`, "a".repeat(255)],
  [`*${"?".repeat(127)}*${"?".repeat(126)}`, "a".repeat(252)],
  [`*${"?".repeat(127)}b*`, "a".repeat(255)],
  [`${"*?".repeat(127)}b`, "a".repeat(255)],
];

test("no glob takes more than a step for each character of its own and of the name", async () => {
  for (const [glob, name] of COSTLY) {
    assert.equal(glob.length <= 255, true);
    assert.equal(steps(glob, name) < MOST_STEPS, true, `${glob.slice(0, 20)}...: ${steps(glob, name)}`);
    await leaves([glob], name);
  }
  const pieces = fc.array(fc.constantFrom("*", "*", "?", "a", "ab"), { maxLength: 127 });
  fc.assert(
    fc.property(pieces, fc.array(fc.constantFrom("a", "b"), { maxLength: 255 }), (glob, name) => {
      assert.equal(steps(glob.join(""), name.join("")) < MOST_STEPS, true);
    }),
  );
});
