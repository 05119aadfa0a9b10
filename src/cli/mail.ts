// One module for what a mail call loads after it has asked the master: each import() takes a turn.
export { Caller } from "../session/caller.ts";
export { runMail } from "../session/mail.ts";
