// What a mail call loads once it has asked the master. In the executable this is a bundle of its own: reading it in would
// cost the refusal of an unknown server a fifth of its time. Each bundle has its own copy of the classes they share, so that
// `instanceof` would not know one of the other's; what is handed over is plain data, or an object with its own methods. What
// is import()ed further on is evaluated only when it is asked for: a call that shares a connection needs no SSH.
export { runMail } from "./mail.ts";
export { serveWithoutTable } from "./without_table.ts";
