import assert from "node:assert/strict";
import { chownSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { recordHostKey } from "../../../../src/ssh/trust/known_hosts_record.ts";
import { makeHome } from "../../../peers/home.ts";
import { skipUnlessRoot } from "../../../peers/rights.ts";

const KEY = Buffer.from("AAAAC3NzaC1lZDI1NTE5AAAAIGXzkXMMLRyGIbEvZV8lgWVjVyzSIZQ7Y9oUcDnX9A1w", "base64");

test("root records no host key among another's files", { skip: skipUnlessRoot }, () => {
  using home = makeHome();
  const file = join(home.path, "ssh/known_hosts");
  assert.equal(recordHostKey(file, "a.test", KEY, false), undefined);
  chownSync(home.path, 12345, 12345);
  const before = readdirSync(home.path);
  for (const other of [file, join(home.path, "new/known_hosts")]) {
    assert.match(
      recordHostKey(other, "a.test", KEY, false) ?? "",
      /^it is reached by .* belongs to uid 12345/,
    );
  }
  assert.deepEqual(readdirSync(home.path), before);
});
