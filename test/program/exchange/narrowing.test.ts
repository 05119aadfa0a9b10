import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { describeForms } from "../../peers/binaries.ts";
import { runCall } from "../../peers/call.ts";
import { makeHome, tableFor } from "../../peers/home.ts";
import { type Sshd, startSshd } from "../../peers/sshd.ts";

let sshd: Sshd;
/** Its user has an RSA key, which it takes with SHA-512 alone. */
let strict: Sshd;
before(async () => {
  sshd = await startSshd({ hostKeys: ["ed25519", "ecdsa", "rsa"] });
  strict = await startSshd({ clientKey: "rsa", config: ["PubkeyAcceptedAlgorithms rsa-sha2-512"] });
});
after(async () => {
  await sshd.stop();
  await strict.stop();
});

describeForms("a list of algorithms in ssh_config", (form) => {
  /** What --check says of a step, with these lines in ssh_config, and how it ends. */
  async function check(lines: readonly string[], server: Sshd = sshd) {
    using home = makeHome();
    const config = home.write("ssh_config", lines.map((line) => `${line}\n`).join(""));
    const command = "printf '* PREAUTH ready\\r\\n'";
    home.writeTable(tableFor(server, { match: "work", "commands.imap": command, ssh_config: config }));
    const argv = [...form.argv, "--check", "work"];
    const { status, output, stderr } = await runCall(argv, { env: home.env, stdio: "pipes" });
    const step = (name: string) => new RegExp(`^${name} +\\d+ ms {2}(.*)$`, "m").exec(output.toString())?.[1];
    const text = `${output}${stderr}`;
    return { status, text, kex: step("key exchange"), host: step("host key"), auth: step("authentication") };
  }

  test("KexAlgorithms: every group of Diffie-Hellman", async () => {
    for (const group of ["group14-sha256", "group16-sha512", "group18-sha512"]) {
      const { kex, text } = await check([`KexAlgorithms diffie-hellman-${group}`]);
      assert.match(kex ?? text, new RegExp(`^diffie-hellman-${group}, aes`));
    }
  });

  test("KexAlgorithms, Ciphers, MACs: what is named, in the order in which it is named", async () => {
    const { kex, text } = await check([
      "KexAlgorithms ecdh-sha2-nistp521,curve25519-sha256",
      "Ciphers aes256-ctr,aes128-gcm@openssh.com",
      "MACs hmac-sha2-512,hmac-sha2-256-etm@openssh.com",
    ]);
    assert.equal(kex, "ecdh-sha2-nistp521, aes256-ctr, hmac-sha2-512", text);
  });

  test("with a minus sign: what is left", async () => {
    const { kex, text } = await check([
      "KexAlgorithms -curve25519-*,sntrup*,mlkem*",
      "Ciphers -*gcm*,chacha20*",
      "MACs -*256*",
    ]);
    assert.equal(kex, "ecdh-sha2-nistp256, aes128-ctr, hmac-sha2-512-etm@openssh.com", text);
  });

  test("HostKeyAlgorithms: the key that is named, in the order in which it is named", async () => {
    const rsa = await check(["HostKeyAlgorithms rsa-sha2-256"]);
    assert.match(rsa.host ?? rsa.text, /^ssh-rsa /);
    const ecdsa = await check(["HostKeyAlgorithms ecdsa-sha2-nistp256,ssh-ed25519"]);
    assert.match(ecdsa.host ?? ecdsa.text, /^ecdsa-sha2-nistp256 /);
  });

  test("PubkeyAcceptedAlgorithms: an RSA key signs with what both sides take", async () => {
    const usual = await check([], strict);
    assert.match(usual.auth ?? usual.text, /^ssh-rsa /);
    const narrowed = await check(["PubkeyAcceptedAlgorithms rsa-sha2-512"], strict);
    assert.match(narrowed.auth ?? narrowed.text, /^ssh-rsa /);
    const other = await check(["PubkeyAcceptedAlgorithms rsa-sha2-256"], strict);
    assert.equal(other.auth, "FAILED", other.text);
    assert.equal(other.status, 77);
    await strict.logged(/signature algorithm rsa-sha2-256 not in PubkeyAcceptedAlgorithms/);
    const none = await check(["PubkeyAcceptedAlgorithms ssh-ed25519"], strict);
    assert.match(none.text, /is not allowed by PubkeyAcceptedAlgorithms \(ssh-rsa\)/);
  });

  const nothing = [
    ["KexAlgorithms", "diffie-hellman-group14-sha1"],
    ["KexAlgorithms", "diffie-hellman-group-exchange-sha256"],
    ["Ciphers", "aes256-cbc"],
    ["MACs", "hmac-sha1"],
    ["HostKeyAlgorithms", "ssh-rsa"],
  ] as const;
  for (const [option, value] of nothing) {
    test(`${option} ${value}: SHA-1, CBC and group exchange are not had`, async () => {
      const lines = option === "MACs" ? ["Ciphers aes128-ctr"] : [];
      const { status, text } = await check([...lines, `${option} ${value}`]);
      assert.equal(status, 78, text);
      assert.match(
        text,
        new RegExp(`allows none of the ${option === "MACs" ? "Ciphers" : option} that preauth has`),
      );
    });
  }
});
