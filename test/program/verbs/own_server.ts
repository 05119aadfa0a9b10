import { after, before } from "node:test";
import { type Mailbox, makeMailbox } from "../../peers/dovecot.ts";
import { type Sshd, startSshd } from "../../peers/sshd.ts";

/* The server and the mailbox of the test file that imports them: there from its first test to its last. */

export let sshd: Sshd;
export let mailbox: Mailbox;

before(async () => {
  sshd = await startSshd();
  mailbox = makeMailbox();
});

after(async () => {
  await sshd.stop();
  mailbox[Symbol.dispose]();
});
