// One module for what a mail call loads after it has asked the master: each import() takes a turn.
export { Caller } from "./caller.ts";
export { runMail } from "./mail.ts";
