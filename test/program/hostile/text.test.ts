import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { chmodSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import fc from "fast-check";
import { asciiLine, escapeControls } from "../../../src/report/printable.ts";
import { GreetingGuard } from "../../../src/session/guard.ts";
import { Remarks } from "../../../src/session/remarks.ts";
import { readIdentity } from "../../../src/ssh/keys/identity_file.ts";
import { judge, parseKnownHosts } from "../../../src/ssh/trust/known_hosts.ts";
import { TableFailure } from "../../../src/table/failure.ts";
import { parseTable } from "../../../src/table/schema.ts";
import { parseAnswers } from "../../../src/target/ask_ssh.ts";
import { parseJumps } from "../../../src/target/jump.ts";
import { wordsOf } from "../../../src/target/known_hosts_command.ts";
import { describeForms } from "../../peers/binaries.ts";
import { startCall } from "../../peers/call.ts";
import { hostTable, makeHome, tableFor } from "../../peers/home.ts";
import { makeKey } from "../../peers/keys.ts";
import { type Sshd, startSshd } from "../../peers/sshd.ts";
import { makeTemporary, removeTemporary } from "../../peers/temporary.ts";
import { MAIL, since } from "../calls/client.ts";
import { cases, mutation, RAW } from "./fuzz.ts";
import { watchMemory } from "./memory.ts";

const folder = makeTemporary();
let sshd: Sshd;
before(async () => {
  sshd = await startSshd();
});
after(async () => {
  await sshd.stop();
  removeTemporary(folder);
});

/** Text with more controls than people write. */
const hostile = fc
  .array(
    fc.oneof(
      fc.constantFrom(
        "\x1b[2J",
        "\x1b]0;x\x07",
        "\r",
        "\n",
        "\r\n",
        "\0",
        "\x7f",
        "\u009b",
        "\u202e",
        "\u2028",
        "* PREAUTH ",
        "* OK ",
        '"',
      ),
      fc.string({ unit: "binary", maxLength: 20 }),
    ),
    { maxLength: 30 },
  )
  .map((parts) => parts.join(""));

describe("text from outside", () => {
  test("has no raw control once it is escaped, and is one line of printable ASCII for IMAP", () => {
    fc.assert(
      fc.property(hostile, fc.integer({ min: 3, max: 500 }), (text, limit) => {
        assert.doesNotMatch(
          escapeControls(text),
          /[\0-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]/,
        );
        const line = asciiLine(text, limit);
        assert.match(line, /^[ -~]*$/);
        assert.equal(line.length <= limit, true);
      }),
      cases(1000),
    );
  });

  test("is a greeting that a client can read, or none", () => {
    fc.assert(
      fc.property(fc.array(hostile, { maxLength: 8 }), (pieces) => {
        let noise = 0;
        const guard = new GreetingGuard((line) => {
          noise += line.length;
        });
        for (const piece of pieces) {
          const found = guard.take(Buffer.from(piece, "latin1"));
          if (found.kind === "more") continue;
          if (found.kind === "preauth") {
            const line = found.line.toString("latin1");
            assert.match(line, /^\* preauth\b[^\n]*\r\n$/i);
            assert.equal(line.length <= 1002, true);
          }
          return;
        }
        guard.end();
        assert.equal(noise <= 64 * 1024, true);
      }),
      cases(2000),
    );
  });

  test("is handed on in lines of bounded length, whatever it is made of", () => {
    fc.assert(
      fc.property(hostile, fc.nat(10_000), (text, times) => {
        let longest = 0;
        const remarks = new Remarks((line) => {
          longest = Math.max(longest, line.length);
        });
        remarks.add(text.repeat(Math.ceil(times / (text.length + 1))));
        assert.equal(longest <= 3800, true);
      }),
      cases(200),
    );
  });
});

describe("a file", () => {
  test("of known hosts is read whatever its bytes are, and knows no key that it does not hold", () => {
    const { line } = makeKey(join(folder, "known"));
    const [, encoded = ""] = line.split(" ");
    const good = Buffer.from(
      `# mine\r\na.test,*.b ${line} c\n|1|${"A".repeat(27)}=|${"B".repeat(27)}= ${line}\n@revoked * ${line}`,
    );
    const other = Buffer.from(encoded, "base64");
    other[other.length - 1] = (other.at(-1) ?? 0) ^ 1;
    fc.assert(
      fc.property(mutation, (mutate) => {
        const entries = parseKnownHosts(mutate(good).toString("utf8"), "kh");
        const verdict = judge(entries, ["a.test"], other);
        const holds = entries.some(({ key }) => key.equals(other));
        assert.equal(verdict.kind === "known" && !holds, false);
      }),
      cases(2000),
    );
  });

  test("of a private key is a key, or says why not", async () => {
    const texts = ["ed25519", "rsa", "ecdsa"].map((type) => {
      const { path } = makeKey(join(folder, `id_${type}`), type as "rsa");
      return execFileSync("cat", [path]);
    });
    const path = join(folder, "identity");
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...texts), mutation, async (text, mutate) => {
        writeFileSync(path, mutate(text));
        chmodSync(path, 0o600);
        const { kind } = await readIdentity(path);
        assert.match(kind, /^(private|public|useless)$/);
      }),
      cases(300),
    );
  });

  test("that is a table of endless nesting or of endless names is refused with a place, or read", async () => {
    const deep = 1500;
    for (const text of [
      `a = ${"[".repeat(deep)}`,
      `a = ${"[".repeat(deep)}${"]".repeat(deep)}`,
      `a = ${"{b=".repeat(deep)}1${"}".repeat(deep)}`,
      `${"a.".repeat(deep)}b = 1`,
      `[${"a.".repeat(deep)}b]`,
      `[[host]]\nmatch = "${"*".repeat(deep)}"\n`,
      `[[host]]\nmatch = [${'"*a*",'.repeat(deep)}]\n`,
      `[[host]]\nmatch = "${"x".repeat(1_000_000)}"\n`,
    ]) {
      await parseTable(text, "t").catch((error: unknown) => {
        if (!(error instanceof TableFailure)) throw error;
        assert.match(error.problems[0] ?? "", /^t:\d+:\d+: \S/);
      });
    }
  });
});

describe("a line of ssh_config", () => {
  test("is taken apart whatever it holds", () => {
    fc.assert(
      fc.property(hostile, (text) => {
        parseAnswers(text);
        wordsOf(text);
        for (const { host } of parseJumps(text) ?? []) assert.equal(host.startsWith("-"), false);
      }),
      cases(2000),
    );
  });

  test("of KnownHostsCommand gives back the words that were quoted for it", () => {
    const word = fc.string({ unit: "grapheme-ascii", minLength: 1 });
    fc.assert(
      fc.property(fc.array(word), (words) => {
        const line = words.map((one) => `"${one.replace(/["\\]/g, "\\$&")}"`).join(" ");
        assert.deepEqual(wordsOf(line), words);
      }),
      cases(500),
    );
  });
});

describeForms("files full of rubbish", (form) => {
  test("end the call in time, with a reason", async () => {
    const rubbish = Buffer.concat(
      Array<Buffer>(64).fill(execFileSync("head", ["-c", "262144", "/dev/urandom"])),
    );
    for (const key of ["known_hosts", "identity", "table"] as const) {
      using home = makeHome();
      const file = join(home.path, "rubbish");
      writeFileSync(file, rubbish, { mode: 0o600 });
      if (key === "table") {
        home.writeTable("");
        writeFileSync(home.tableFile, rubbish);
      } else
        home.writeTable(`${tableFor(sshd, { [key]: file, deadline: "5s" })}${hostTable({ match: "x" })}`);
      await using call = await startCall([...form.argv, ...MAIL], { env: home.env });
      call.write("A7 SELECT INBOX\r\n");
      const finished = call.finished(15_000);
      const peak = await watchMemory(call.pid, finished);
      const { status, output } = await finished;
      assert.equal(status, key === "table" ? 78 : 77, `${key}: ${output}`);
      assert.match(
        output.toString("latin1"),
        /^\* PREAUTH .*\r\n\* BYE preauth: [ -~]+\r\nA7 NO preauth: [ -~]+\r\n$/,
      );
      assert.equal(peak < 400, true, `${key}: ${peak} MiB`);
      assert.equal(since(call) < 10_000, true);
      assert.doesNotMatch(home.log(), RAW);
    }
  });
});
