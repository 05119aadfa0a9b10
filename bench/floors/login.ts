/* A login of its own, a remote command, and nothing else: no table, no ssh_config, no known_hosts, no agent, no log. */
import { loggedIn, type Words } from "./logged_in.ts";

const words = process.argv.slice(2) as unknown as Words;
loggedIn(words, (client) => {
  client.exec(words[5], (error, channel) => {
    if (error) throw error;
    process.stdin.pipe(channel).pipe(process.stdout);
    channel.on("close", () => process.exit());
  });
});
