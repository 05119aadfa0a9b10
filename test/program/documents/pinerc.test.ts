import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { parseCall } from "../../../src/call/words.ts";
import { parsePinerc, pinercOf } from "../../../src/cli/pinerc.ts";
import { obstaclesIn, type PinercObstacle } from "../../../src/cli/pinerc_obstacles.ts";
import { decide } from "../../../src/table/decide.ts";
import { parseTable } from "../../../src/table/schema.ts";
import { documentText, exampleTable, fencedBlocks } from "./documents.ts";
import { manualBlocks } from "./manual.ts";

const example = documentText("pinerc.example");
const pinerc = pinercOf([parsePinerc(example, "pinerc.example")], (value) => value);

/** The table that pinerc.example speaks of: the one with all of its hosts. */
function table() {
  return parseTable(exampleTable(), "table.md");
}

/** What Alpine makes of an rsh-command: sprintf(3) with four words, split on spaces, the path left out. */
function wordsOf(command: string): string[] {
  const values = ["/usr/local/bin/preauth", "mail.isp.com", "jane", "imap"];
  const line = command.replace(/%s/g, () => values.shift() ?? "");
  assert.deepEqual(values, [], command);
  return line.split(" ").slice(1);
}

describe("pinerc.example", () => {
  test("opens first the mailbox of a name that resolves nowhere", () => {
    assert.equal(pinerc.mailboxes[0]?.host, "work");
  });

  test("has mailboxes of every host in the table of doc/table.md, and of one that is not there", async () => {
    const hosts = await table();
    const found = new Map<string, number | undefined>();
    for (const { host } of pinerc.mailboxes) {
      found.set(host, (await decide(hosts, { server: host, method: "imap" }))?.host);
    }
    assert.deepEqual([...found.values()], [0, 1, 2, undefined]);
  });

  test("has nothing that keeps Alpine from calling preauth for them", async () => {
    const hosts = await table();
    const found: PinercObstacle[] = [];
    for (const { host } of pinerc.mailboxes) {
      const decision = await decide(hosts, { server: host, method: "imap" });
      if (decision === undefined) continue;
      const context = {
        server: host,
        login: "jane",
        program: "/usr/local/bin/preauth",
        isPreauth: () => true,
        isUtf8: true,
        isServer: (other: string) => other === host,
        isExecutable: (path: string) => path === "/usr/local/bin/preauth",
        deadline: decision.deadline.value,
      };
      found.push(...obstaclesIn(pinerc, context));
    }
    assert.deepEqual(found, []);
  });

  test("has three forms of rsh-command, one of them in force, that all make the same call", () => {
    const forms = [...example.matchAll(/^#?rsh-command=(.*)$/gm)].map(([, form = ""]) => form);
    assert.equal(forms.length, 3);
    assert.equal(pinerc.rshCommand?.value, "%s %s %s %s");
    for (const form of forms) {
      const call = { kind: "mail", server: "mail.isp.com", user: "jane", method: "imap", recipients: [] };
      assert.deepEqual(parseCall(wordsOf(form)), call, form);
    }
  });

  test("has the lines of the README and of the manual", () => {
    const [readme = ""] = fencedBlocks(documentText("README.md"), "");
    const [manual = ""] = manualBlocks("EXAMPLES");
    for (const line of [...readme.trimEnd().split("\n"), ...manual.trimEnd().split("\n")]) {
      assert.ok(example.split("\n").includes(line), line);
    }
  });
});
