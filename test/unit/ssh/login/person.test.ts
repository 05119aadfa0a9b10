import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { appendFileSync, chmodSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import type { AuthContext, KeyboardAuthContext } from "ssh2";
import { Failure } from "../../../../src/failure.ts";
import { type AskingServer, startAskingServer } from "../../../peers/asking_server.ts";
import { type KeyType, makeKey } from "../../../peers/keys.ts";
import { type Scripted, somebody } from "../../../peers/person.ts";
import { program } from "../../../peers/programs.ts";
import { type Sshd, startSshd } from "../../../peers/sshd.ts";
import { makeTemporary, removeTemporary } from "../../../peers/temporary.ts";
import { poll, within } from "../../../peers/waiting.ts";
import { connectTo, logIn, never, newStory, refusedLogin, targetFor, type Values } from "../fixtures.ts";

const folder = makeTemporary();
let sshd: Sshd;
let count = 0;
before(async () => {
  sshd = await startSshd();
});
after(async () => {
  await sshd.stop();
  removeTemporary(folder);
});

/** The key that may log in, encrypted; without its .pub where `isAlone`. */
function encrypted(server: Sshd, format = "RFC4716", isAlone = false): string {
  const path = join(folder, `key${++count}`);
  execFileSync("cp", ["-p", server.identity, path]);
  if (!isAlone) execFileSync("cp", ["-p", `${server.identity}.pub`, `${path}.pub`]);
  execFileSync(program("ssh-keygen"), ["-q", "-p", "-N", "secret", "-m", format, "-f", path]);
  return path;
}

const question = (path: string) => `Enter passphrase for key '${path}': `;

test("an encrypted key is opened by its passphrase, at most three times asked for", async () => {
  const path = encrypted(sshd);
  const person = somebody("wrong", "secret");
  const { outcome } = await logIn(sshd, { identityFiles: [path] }, person);
  assert.match(outcome, new RegExp(`from ${path}$`));
  assert.deepEqual(person.seen, [question(path), `${path}: this is not its passphrase`, question(path)]);
  const forgetful = somebody("a", "b", "c", "secret");
  const { what } = await refusedLogin(sshd, { identityFiles: [path] }, forgetful);
  assert.match(what, /but its passphrase was not given/);
  assert.equal(forgetful.seen.filter((line) => line === question(path)).length, 3);
});

test("nothing is asked for a key that the server does not take, nor after an empty passphrase", async () => {
  const other = makeKey(join(folder, "other"), "ed25519", "secret").path;
  const person = somebody("");
  await refusedLogin(sshd, { identityFiles: [other, encrypted(sshd)] }, person);
  assert.deepEqual(person.seen.length, 1);
});

for (const [type, format] of [
  ["rsa", "PEM"],
  ["rsa", "PKCS8"],
  ["ecdsa", "PEM"],
  ["ecdsa", "PKCS8"],
  ["rsa", "RFC4716"],
] satisfies [KeyType, string][]) {
  test(`an encrypted ${type} key in ${format}, without its .pub`, async () => {
    await using server = await startSshd({ clientKey: type });
    const path = encrypted(server, format, true);
    const person = somebody("secret");
    const { outcome } = await logIn(server, { identityFiles: [path] }, person);
    assert.match(outcome, new RegExp(`from ${path}$`));
    assert.deepEqual(person.seen, [question(path)]);
  });
}

test("what is behind a passphrase and cannot be used is passed over, and no passphrase of it is called wrong", async () => {
  const [curve, senseless] = [join(folder, "curve"), join(folder, "senseless")];
  const ssl = (line: string) => execFileSync(program("openssl"), line.split(" "), { stdio: "ignore" });
  ssl(`genpkey -algorithm ec -pkeyopt ec_paramgen_curve:P-224 -aes128 -pass pass:secret -out ${curve}`);
  ssl(`genpkey -algorithm ed25519 -out ${senseless}.plain`);
  ssl(`pkcs8 -topk8 -scrypt -passout pass:secret -in ${senseless}.plain -out ${senseless}`);
  const [, head, body = "", tail] = /^(-.*?-\n)(.*)(\n-.*)$/s.exec(readFileSync(senseless, "utf8")) ?? [];
  const bytes = Buffer.from(body, "base64");
  // Its cost, 16,384, has to be a power of two.
  const cost = bytes.indexOf(Buffer.from([2, 2, 0x40, 0]));
  assert.notEqual(cost, -1);
  bytes[cost + 3] = 1;
  writeFileSync(senseless, `${head}${bytes.toString("base64")}${tail}`);
  for (const path of [curve, senseless]) chmodSync(path, 0o600);
  const person = somebody("secret", "secret");
  const { connection } = await logIn(sshd, { identityFiles: [curve, senseless, sshd.identity] }, person);
  assert.deepEqual(person.seen, [question(curve), question(senseless)]);
  assert.deepEqual(
    connection.obstacles.map(({ what }) => what.replace(/ \(.*/, "")),
    [`${curve} holds no key of a kind that is supported`, `${senseless} cannot be decrypted`],
  );
});

test("a certificate's encrypted key is asked for once", async () => {
  const authority = makeKey(join(folder, "ca")).path;
  await using server = await startSshd({ config: [`TrustedUserCAKeys ${authority}.pub`] });
  const key = makeKey(join(folder, "certified"), "ed25519", "secret").path;
  const words = ["-q", "-s", authority, "-I", "x", "-n", server.user, `${key}.pub`];
  execFileSync(program("ssh-keygen"), words, { stdio: "ignore" });
  const person = somebody("secret");
  await logIn(server, { identityFiles: [key] }, person);
  assert.deepEqual(person.seen, [question(key)]);
});

test("whoever has gone is not asked again, and the login ends", async () => {
  const identityFiles = [encrypted(sshd), encrypted(sshd)];
  const person = somebody({ is: "gone" });
  await assert.rejects(
    connectTo(targetFor(sshd, { identityFiles }), newStory(), never(), person),
    (error) => error instanceof Failure && error.trouble === "gone",
  );
  assert.equal(person.seen.length, 1);
});

/** Takes the password "right"; refuses all else, with `methods` to go on with. */
function password(methods: ("password" | "keyboard-interactive" | "publickey")[] = ["password"]) {
  return (attempt: AuthContext) => {
    if (attempt.method === "password" && attempt.password === "right") attempt.accept();
    else attempt.reject(methods);
  };
}

/** Logs in to it, and gives what --check would say of it. */
async function enter(server: AskingServer, person: Scripted, values: Values = {}) {
  const story = newStory();
  const connection = await connectTo(targetFor(server, values), story, never(), person);
  connection.end();
  await connection.closed;
  return story.steps.find(([step]) => step === "auth")?.[1] ?? "";
}

function refused(server: AskingServer, person: Scripted | undefined, values: Values = {}): Promise<Failure> {
  return connectTo(targetFor(server, values), newStory(), never(), person).then(
    () => assert.fail("was let in"),
    (error) => error,
  );
}

test("a password is asked for as often as NumberOfPasswordPrompts says", async () => {
  await using server = await startAskingServer(password());
  const person = somebody("wrong", "right");
  assert.match(await enter(server, person), /^password$/);
  const asked = "jane@127.0.0.1's password: ";
  assert.deepEqual(person.seen, [asked, "permission denied, please try again", asked]);
  const once = somebody("wrong", "right");
  const { what } = await refused(server, once, { passwordPrompts: 1 });
  assert.match(what, /the server takes password/);
  assert.deepEqual(once.seen, [asked]);
});

test("without a person nothing is ever asked, whatever the server takes", async () => {
  await using server = await startAskingServer(password(["password", "keyboard-interactive"]));
  const failure = await refused(server, undefined);
  assert.match(failure.what, /the server takes password, keyboard-interactive/);
  assert.deepEqual(server.tried, ["publickey"]);
});

test("what ssh_config turns off is not tried, and its order is kept", async () => {
  await using server = await startAskingServer(password(["publickey", "password", "keyboard-interactive"]));
  const person = somebody("right");
  assert.equal(await enter(server, person, { methods: ["password", "publickey"] }), "password");
  assert.deepEqual(server.tried, ["none", "password"]);
  await refused(server, somebody("right"), { methods: ["publickey"] });
  assert.deepEqual(server.tried.slice(2), ["publickey"]);
  const none = await refused(server, undefined, { methods: ["password"] });
  assert.match(none.what, /ssh_config turns off public key authentication/);
});

test("a key that is not enough, then a password: AuthenticationMethods publickey,password", async () => {
  await using server = await startAskingServer((attempt) => {
    if (attempt.method === "publickey") {
      if (attempt.signature === undefined) attempt.accept();
      else attempt.reject(["password"], true);
    } else password()(attempt);
  });
  const person = somebody("right");
  assert.match(await enter(server, person), /^password, after ssh-ed25519 SHA256:/);
  assert.equal(person.seen.length, 1);
});

test("sshd's own AuthenticationMethods: one key is not enough, two are", async () => {
  await using server = await startSshd({ config: ["AuthenticationMethods publickey,publickey"] });
  const { what, attempts } = await refusedLogin(server, {});
  assert.equal(attempts[0]?.outcome, "accepted");
  assert.match(what, /^the server wants another key as well: /);
  const second = makeKey(join(folder, "second"));
  appendFileSync(join(server.identity, "..", "authorized_keys"), `${second.line}\n`);
  await logIn(server, { identityFiles: [server.identity, second.path] });
});

interface Round {
  readonly name?: string;
  readonly instruction?: string;
  readonly prompts: readonly { readonly prompt: string; readonly echo: boolean }[];
}

/** Asks round after round, and lets in who answers every prompt with "right". */
function rounds(...all: readonly Round[]) {
  return (attempt: AuthContext) => {
    if (attempt.method !== "keyboard-interactive") return attempt.reject(["keyboard-interactive"]);
    const ask = (context: KeyboardAuthContext, index: number): void => {
      const round = all[index];
      if (round === undefined) {
        context.accept();
        return;
      }
      context.prompt([...round.prompts], round.name ?? "", round.instruction ?? "", (answers) => {
        if (answers.every((answer) => answer === "right")) ask(context, index + 1);
        else context.reject(["keyboard-interactive"]);
      });
    };
    ask(attempt, 0);
  };
}

test("every round and every prompt of keyboard-interactive is shown, with echo as the server says", async () => {
  const password = { prompt: "Password: ", echo: false };
  await using server = await startAskingServer(
    rounds(
      { name: "PAM", instruction: "two things", prompts: [password, { prompt: "Token:", echo: true }] },
      { instruction: "and now", prompts: [] },
      { prompts: [password] },
    ),
  );
  const person = somebody("right", "right", "right");
  assert.equal(await enter(server, person), "keyboard-interactive");
  assert.deepEqual(person.seen, [
    "PAM",
    "two things",
    "(jane@127.0.0.1) Password: ",
    "(jane@127.0.0.1) Token: (shown)",
    "and now",
    "(jane@127.0.0.1) Password: ",
  ]);
});

test("keyboard-interactive is begun anew after a refusal, up to NumberOfPasswordPrompts", async () => {
  await using server = await startAskingServer(rounds({ prompts: [{ prompt: "Password: ", echo: false }] }));
  const person = somebody("wrong", "right");
  await enter(server, person);
  assert.equal(person.seen[1], "permission denied, please try again");
  const stubborn = somebody("a", "b", "c", "d");
  await refused(server, stubborn, { passwordPrompts: 2 });
  assert.equal(stubborn.seen.filter((line) => line.startsWith("(")).length, 2);
});

test("a server that refuses keyboard-interactive without a question is not asked again", async () => {
  await using server = await startAskingServer((attempt) => attempt.reject(["keyboard-interactive"]));
  await refused(server, somebody());
  assert.deepEqual(server.tried, ["publickey", "keyboard-interactive"]);
});

test("prompts of the server's come without control characters", async () => {
  const round = {
    instruction: "\u001b[2Jx\nnext",
    prompts: [{ prompt: "\u001b]0;x\u0007P\n: ", echo: true }],
  };
  await using server = await startAskingServer(rounds(round));
  const person = somebody("right");
  await enter(server, person);
  assert.deepEqual(person.seen, ["\\e[2Jx", "next", "(jane@127.0.0.1) \\e]0;x\\x07P\\n: (shown)"]);
});

test("a password that must be changed ends the login, and says so", async () => {
  await using server = await startAskingServer((attempt) => {
    if (attempt.method !== "password") return attempt.reject(["password"]);
    attempt.requestChange("Your password has expired\u001b[2J", () => {});
  });
  const failure = await refused(server, somebody("right"));
  assert.equal(failure.trouble, "auth");
  assert.match(failure.what, /^the server wants the password changed: it says "Your password has expired/);
});

test("while somebody types only the server ends it", async () => {
  await using server = await startAskingServer(password());
  const person = somebody({ is: "never" });
  const end = refused(server, person);
  await poll(() => person.seen.length > 0, "the question");
  server.drop();
  const { what } = await within(end, "the end");
  assert.match(what, /the server closed the connection \(during the login\)/);
});
