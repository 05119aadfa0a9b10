import assert from "node:assert/strict";
import fc from "fast-check";
import { type Finding, GreetingGuard, MAX_NOISE } from "../../src/session/guard.ts";
import { attack } from "./attack.ts";

const piece = fc.oneof(
  fc.constantFrom(
    "* PREAUTH ",
    "* PREAUTH [CAPABILITY IMAP4rev1] ready\r\n",
    "* preauth\n",
    "* OK hi\r\n",
    "* BYE no\r\n",
  ),
  fc.constantFrom(
    "\x1b]0;jane@host\x07",
    "\x1b[31m",
    "\r",
    "\n",
    "\r\n",
    "* ",
    "*",
    "PREAUTH",
    "\0",
    "\x9b",
    "motd\n",
  ),
  fc.string({ unit: "binary-ascii", maxLength: 30 }),
  fc.constantFrom("x".repeat(999), "y".repeat(1001), "\n".repeat(500), "z".repeat(20_000)),
);

const sequences = fc.record({
  pieces: fc.array(piece, { maxLength: 12 }),
  size: fc.constantFrom(1, 2, 7, 1000),
});

/** What is found when the bytes come in pieces of this size. */
function found(bytes: Buffer, size: number): { readonly finding: Finding; readonly noise: string } {
  const noise: string[] = [];
  const guard = new GreetingGuard((line) => noise.push(line));
  let finding: Finding = { kind: "more" };
  for (let at = 0; at < bytes.length && finding.kind === "more"; at += size) {
    finding = guard.take(bytes.subarray(at, at + size));
  }
  if (finding.kind === "more") guard.end();
  return { finding, noise: noise.join("\n") };
}

async function hold({ pieces, size }: { pieces: string[]; size: number }): Promise<void> {
  const bytes = Buffer.from(pieces.join(""), "latin1");
  const { finding, noise } = found(bytes, size);
  const whole = found(bytes, Math.max(1, bytes.length)).finding;
  assert.ok(noise.length <= MAX_NOISE + 1000);
  if (finding.kind === "preauth") {
    const line = finding.line.toString("latin1");
    assert.match(line, /^\* preauth\b[^\n]*\r\n$/i);
    assert.ok(line.length <= 1002);
  }
  // In whatever pieces they come, the same bytes are the same greeting.
  if (bytes.length < MAX_NOISE) {
    const shown = (one: Finding): string => (one.kind === "preauth" ? one.line.toString("latin1") : one.kind);
    assert.equal(shown(finding), shown(whole));
  }
}

export const greetingAttack = attack("greetings", 2000, sequences, hold);
