import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { hasWholeHeader, requireNamed } from "../../../src/call/recipients.ts";
import { Failure } from "../../../src/failure.ts";

/** The first of the recipients that the message does not name. */
function unnamed(message: string, ...recipients: readonly string[]): string | undefined {
  try {
    requireNamed(recipients, Buffer.from(message));
    return undefined;
  } catch (error) {
    assert.ok(error instanceof Failure);
    assert.equal(error.status, 64);
    return /^no To, Cc or Bcc names "(.*)"; nothing has been sent$/.exec(error.what)?.[1] ?? error.what;
  }
}

const NAMED: readonly (readonly [title: string, message: string, ...recipients: readonly string[]])[] = [
  ["a plain address", "To: joe@isp.com\n\nhi\n", "joe@isp.com"],
  ["CRLF", "From: me@x\r\nTo: joe@isp.com\r\n\r\nhi\r\n", "joe@isp.com"],
  ["a message that ends with its header", "To: joe@isp.com", "joe@isp.com"],
  ["angle brackets", "To: joe@isp.com\n\n", "<joe@isp.com>"],
  ["any case", "TO: Joe@ISP.com\n\n", "jOE@isp.COM"],
  ["To, Cc and Bcc", "To: a@x\nBcc: c@x\ncc: b@x\n\n", "a@x", "b@x", "c@x"],
  [
    "names, and commas in them",
    'To: "Doe, Joe" <joe@x>, Ann <ann@x>, (Carl, C.) carl@x\n\n',
    "joe@x",
    "ann@x",
    "carl@x",
  ],
  ["folded lines", "To: joe@x,\n\tAnn\n <ann@x>\n\n", "joe@x", "ann@x"],
  ["a group", "To: Friends: joe@x, Ann <ann@x>;\n\n", "joe@x", "ann@x"],
  ["a quoted local part", 'To: "joe d"@x\n\n', '"joe d"@x'],
  ["a local user", "To: root, Ann <ann@x>\n\n", "root", "ann@x"],
  ["a message that is sent on", "To: a@x\nResent-To: b@x\nResent-Bcc: c@x\n\n", "b@x", "c@x"],
  ["letters beyond ASCII", "To: Jürgen <jürgen@x>\n\n", "jürgen@x"],
];

const UNNAMED: readonly (readonly [title: string, message: string, ...recipients: readonly string[]])[] = [
  ["one that is nowhere", "To: joe@x\n\n", "ann@x", "joe@x"],
  ["one in the body alone", "To: joe@x\n\nBcc: ann@x\n", "ann@x"],
  ["one in the body of a message without a header", "\nTo: ann@x\n", "ann@x"],
  ["one that is no recipient", "From: ann@x\nReply-To: ann@x\nSubject: ann@x\nTo: joe@x\n\n", "ann@x"],
  ["the end of another address", "To: joann@x\n\n", "ann@x"],
  ["the beginning of another address", "To: ann@isp.com.au\n\n", "ann@isp.com"],
  ["one in a name", 'To: "ann@x" <joe@x>, ann@x <carl@x>\n\n', "ann@x"],
  ["one in a comment", "To: joe@x (, ann@x,)\n\n", "ann@x"],
  ["one to whom it went before it was sent on", "To: ann@x\nResent-To: joe@x\n\n", "ann@x"],
  ["one of an empty message", "", "ann@x"],
];

describe("recipients of a call", () => {
  for (const [title, message, ...recipients] of NAMED) {
    test(`are named: ${title}`, () => assert.equal(unnamed(message, ...recipients), undefined));
  }
  for (const [title, message, ...recipients] of UNNAMED) {
    test(`are not named: ${title}`, () => assert.equal(unnamed(message, ...recipients), recipients[0]));
  }

  test("are not looked for in a header that is too long", () => {
    const long = `To: joe@x\n${"X-Y: z\n".repeat(10_000)}`;
    assert.match(unnamed(long, "joe@x") ?? "", /^its header is longer than 64 KiB/);
    assert.equal(unnamed(`To: joe@x\n\n${"z".repeat(70_000)}`, "joe@x"), undefined);
  });
});

test("a header ends with an empty line, the first one at the earliest", () => {
  for (const whole of ["\n", "\r\n", "To: x\n\n", "To: x\r\n\r\nbody"]) {
    assert.equal(hasWholeHeader(Buffer.from(whole)), true, JSON.stringify(whole));
  }
  for (const part of ["", "To: x", "To: x\n", "To: x\r\n\r", "To: x\n \n"]) {
    assert.equal(hasWholeHeader(Buffer.from(part)), false, JSON.stringify(part));
  }
});
