/* Holds a connection for call.ts: each who comes to the socket, the last word, has the remote command. */
import { createServer } from "node:net";
import { loggedIn, type Words } from "./logged_in.ts";

const words = process.argv.slice(2) as unknown as Words;
loggedIn(words, (client) => {
  const server = createServer((caller) => {
    // Who has seen the greeting may go without a word.
    caller.on("error", () => caller.destroy());
    client.exec(words[5], (error, channel) => {
      if (error) throw error;
      caller.pipe(channel).pipe(caller);
    });
  });
  server.listen(process.argv.at(-1));
});
