import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { copyFileSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { forms } from "../../peers/binaries.ts";
import { runCall } from "../../peers/call.ts";
import { makeHome } from "../../peers/home.ts";
import { program } from "../../peers/programs.ts";

const executable = forms.find(({ name }) => name === "executable")?.argv[0];

/** `test ecx, mask`, with what the runtime needs of CPUID leaf 1: SSSE3, SSE4.1, SSE4.2 and POPCNT. */
const TEST = Buffer.from("f7c100029800", "hex");

/** A bit of that leaf that no processor has. */
const NOBODY = 1 << 16;

describe("the executable for x64", {
  skip: executable === undefined ? "the other form is tested" : process.arch !== "x64" && "another processor",
}, () => {
  for (const strips of [false, true]) {
    test(`says what an older processor lacks, in place of SIGILL${strips ? ", when stripped" : ""}`, async () => {
      using home = makeHome();
      const copy = join(home.path, "preauth");
      copyFileSync(executable ?? "", copy);
      if (strips) execFileSync(program("strip"), [copy], { stdio: "pipe" });
      const bytes = readFileSync(copy);
      const entry = bytes.indexOf(TEST);
      assert.ok(entry > 0 && bytes.indexOf(TEST, entry + 1) < 0, "one place asks the processor");
      bytes.writeUInt32LE(bytes.readUInt32LE(entry + 2) | NOBODY, entry + 2);
      writeFileSync(copy, bytes);
      const { status, output, stderr } = await runCall([copy, "--version"], {
        env: home.env,
        stdio: "pipes",
      });
      assert.deepEqual(
        [status, output.toString(), stderr],
        [69, "", "preauth: this processor has no SSE4.2: use preauth.js, the form for Node\n"],
      );
    });
  }
});
