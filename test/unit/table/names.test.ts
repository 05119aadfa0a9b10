import assert from "node:assert/strict";
import { test } from "node:test";
import { isHostname, isMethod, isUser } from "../../../src/table/names.ts";

test("names, addresses and aliases are taken as ssh takes them", () => {
  for (const name of [
    "mail.isp.com",
    "work",
    "192.0.2.7",
    "::1",
    "[::1]",
    "fe80::1%eth0",
    "büro.example",
    "a_b",
    "~",
  ]) {
    assert.ok(isHostname(name), name);
  }
});

test("a host name with a character that ssh's valid_hostname refuses is refused", () => {
  for (const char of "'`\"$\\;&<>|(){}, \t\n\v\f\r\0\x1b\x7f")
    assert.ok(!isHostname(`a${char}b`), JSON.stringify(char));
});

test("login names may hold what host names may not", () => {
  for (const name of ["joe", "jo e", "DOM\\joe", "joe$", "joe@corp", "007", "j-", "j- k"]) {
    assert.ok(isUser(name), name);
  }
});

test("a login name with what ssh's valid_ruser refuses is refused", () => {
  for (const char of "'`\";&<>|(){}\t\n\v\f\r\0\x1b\x7f")
    assert.ok(!isUser(`a${char}b`), JSON.stringify(char));
  assert.ok(!isUser("joe -oProxyCommand=x"));
  assert.ok(!isUser("joe\\"));
});

test("an empty word, an option, and more than 255 bytes are neither a host nor a user", () => {
  for (const word of ["", "-", "-oProxyCommand=x", "a".repeat(256), "é".repeat(128)]) {
    assert.ok(!isHostname(word), word);
    assert.ok(!isUser(word), word);
  }
  assert.ok(isHostname("a".repeat(255)));
  assert.ok(isUser("é".repeat(127)));
});

test("a METHOD is up to 32 lower-case letters, digits and hyphens", () => {
  for (const method of ["imap", "smtp", "a-b", "3", "constructor", "a".repeat(32)])
    assert.ok(isMethod(method), method);
  for (const method of ["", "-imap", "IMAP", "im.ap", "imap\n", "__proto__", "a".repeat(33)]) {
    assert.ok(!isMethod(method), method);
  }
});
