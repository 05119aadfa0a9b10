import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { once } from "node:events";
import { chmodSync, existsSync, lstatSync, mkdtempSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import type { Endpoint } from "../../../src/table/table.ts";
import { signal } from "../../peers/processes.ts";
import { program } from "../../peers/programs.ts";
import { type Listener, listen, refusingPort, speakingServer } from "../../peers/tcp.ts";
import { makeTemporary, removeTemporary } from "../../peers/temporary.ts";
import { within } from "../../peers/waiting.ts";
import {
  forwardOf,
  freePort,
  LOOPBACKS,
  lowPort,
  runClient,
  STRANGER,
  startListener,
  withoutLowPorts,
  withoutRoot,
} from "./fixtures.ts";
import { buildHolder, type Forms, type Holder, startHolder } from "./holders.ts";
import { echo, received } from "./stage.ts";

let folder = "";
let forms: Forms;
before(() => {
  folder = makeTemporary();
  forms = buildHolder(folder);
});
after(() => removeTemporary(folder));

/** A holder that holds one port. */
async function heldPort(form: keyof Forms, to: Endpoint): Promise<{ holder: Holder; port: number }> {
  const holder = await startHolder(forms[form]);
  const port = await freePort();
  const [state] = await holder.hold([forwardOf({ listen: port, to })]);
  assert.equal(state?.kind, "held");
  return { holder, port };
}

const at = ({ host, port }: Listener): Endpoint => ({ host, port });

for (const form of ["node", "executable"] as const) {
  describe(`forwards of the ${form} form`, () => {
    test("carry our own connections on every loopback", async () => {
      await using target = await echo();
      const { holder, port } = await heldPort(form, at(target));
      await using _ = holder;
      for (const address of LOOPBACKS) {
        const say = `${address} ${"x".repeat(50_000)}`;
        assert.equal(await runClient({ address, port, say }), say);
      }
    });

    test("refuse another user's on every loopback", { skip: withoutRoot }, async () => {
      await using target = await echo();
      const { holder, port } = await heldPort(form, at(target));
      await using _ = holder;
      for (const address of LOOPBACKS) {
        assert.doesNotMatch(await runClient({ address, port, say: "in", uid: STRANGER }), /in/);
      }
      await holder.idle();
      assert.equal(target.connections, 0);
      assert.match(holder.text, /^forward "smtp": refused a connection: it is uid 12345's$/m);
    });

    test("refuse a connection whose client has gone", async () => {
      await using target = await echo();
      const { holder, port } = await heldPort(form, at(target));
      await using _ = holder;
      signal(holder.pid, "SIGSTOP");
      await runClient({ address: "127.0.0.1", port, say: "gone", isHasty: true });
      signal(holder.pid, "SIGCONT");
      // The connections are taken in their order.
      await runClient({ address: "127.0.0.1", port });
      await holder.idle();
      assert.equal(target.connections, 1);
      assert.match(holder.text, /^forward "smtp": refused .*: its process has closed it$/m);
    });

    test("outlive their ports: what is open goes on when nobody listens any more", async () => {
      await using target = await echo();
      const { holder, port } = await heldPort(form, at(target));
      await using _ = holder;
      const client = connect({ port, host: "127.0.0.1", allowHalfOpen: true });
      client.write("first ");
      await target.connected();
      await holder.stop();
      assert.match(await runClient({ address: "127.0.0.1", port }), /^connect: 111/);
      const answer = received(client);
      client.end("and last");
      assert.deepEqual(await answer, { bytes: 14, error: undefined });
      await holder.idle();
      await target.idle();
    });

    test("end a connection whose client resets, and survive it", async () => {
      await using target = await speakingServer("220 mail\r\n");
      const { holder, port } = await heldPort(form, at(target));
      await using _ = holder;
      const client = connect({ port, host: "127.0.0.1" });
      await once(client, "data");
      client.resetAndDestroy();
      await within(holder.idle(), "idle");
      await target.idle();
      assert.equal(await runClient({ address: "127.0.0.1", port }), "220 mail\r\n");
    });

    test("end a connection whose target resets, and survive it", async () => {
      await using target = await listen((socket) => {
        socket.write("half of");
        socket.once("data", () => socket.resetAndDestroy());
      });
      const path = join(mkdtempSync(join(folder, "u-")), "smtp");
      const port = await freePort();
      const holder = await startHolder(forms[form]);
      await using _ = holder;
      await holder.hold([
        forwardOf({ listen: port, to: at(target) }),
        forwardOf({ listen: path, to: at(target) }),
      ]);
      for (const where of [{ address: "127.0.0.1", port }, { address: path }]) {
        for (let i = 0; i < 2; i++) assert.match(await runClient({ ...where, say: "x" }), /^(half of)?$/);
        await holder.idle();
      }
      await target.idle();
      assert.equal(target.connections, 4);
    });

    test("close the connection to a target that is not there", async () => {
      const { holder, port } = await heldPort(form, { host: "127.0.0.1", port: await refusingPort() });
      await using _ = holder;
      for (let i = 0; i < 3; i++) assert.equal(await runClient({ address: "127.0.0.1", port }), "");
      assert.equal(holder.text.match(/no connection to/g)?.length, 1);
    });

    test("are sockets of nobody else, made and removed", { skip: withoutRoot }, async () => {
      await using target = await echo();
      const directory = mkdtempSync(join(folder, "u-"));
      for (const open of [folder, directory]) chmodSync(open, 0o755);
      const path = join(directory, "smtp");
      const holder = await startHolder(forms[form]);
      await using _ = holder;
      await holder.hold([forwardOf({ listen: path, to: at(target) })]);
      assert.equal((lstatSync(path).mode & 0o777).toString(8), "600");
      assert.equal(await runClient({ address: path, say: "unix" }), "unix");
      assert.match(await runClient({ address: path, say: "unix", uid: STRANGER }), /^connect: 13/);
      await holder.stop();
      assert.ok(!existsSync(path));
    });

    test("find another user in their place, and leave it", { skip: withoutRoot }, async () => {
      await using other = await startListener({ uid: STRANGER, called: "preauth" });
      const holder = await startHolder(forms[form]);
      await using _ = holder;
      const [state] = await holder.hold([forwardOf({ listen: other.port, to: { host: "mail", port: 25 } })]);
      assert.ok(state?.kind === "taken" && state.by.kind === "another-user");
      assert.equal(state.by.uid, STRANGER);
    });

    test("do without ::1 on a machine that has none", { skip: withoutNamespaces() }, async () => {
      const words = 'echo 1 > /proc/sys/net/ipv6/conf/all/disable_ipv6; ip link set lo up; exec "$@"';
      const holder = await startHolder(["unshare", "--net", "sh", "-c", words, "sh", ...forms[form]]);
      await using _ = holder;
      const [state] = await holder.hold([forwardOf({ listen: 2025, to: { host: "mail", port: 25 } })]);
      assert.ok(state?.kind === "held");
      assert.deepEqual(state.second, { kind: "absent" });
      assert.match(
        holder.text,
        /^forward "smtp": carries port 2025 of 127.0.0.1 to mail:25 \(this machine has no ::1\)$/m,
      );
    });

    test("need a right below 1024", { skip: withoutRoot || withoutLowPorts }, async () => {
      const capability = "-net_bind_service";
      const without = [program("setpriv"), `--bounding-set=${capability}`, `--inh-caps=${capability}`];
      const port = await lowPort();
      const holder = await startHolder([...without, ...forms[form]]);
      await using _ = holder;
      const [state] = await holder.hold([forwardOf({ listen: port, to: { host: "mail", port: 25 } })]);
      assert.deepEqual(state, { kind: "no-right" });
      const line = new RegExp(
        `^forward "smtp": port ${port} needs a right that this user does not have$`,
        "m",
      );
      assert.match(holder.text, line);
    });
  });
}

/** A network of a process's own, where its ports are nobody else's. */
function withoutNamespaces(): string | false {
  const tried = spawnSync("unshare", ["--net", "sh", "-c", "ip link set lo up"], { stdio: "ignore" });
  return tried.status === 0 ? false : "no network of its own can be made here";
}
