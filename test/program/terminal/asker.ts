import { terminal } from "../../../bin/terminal.ts";
import { personAt } from "../../../src/report/person_at.ts";

// Run by the tests in a terminal: asks the questions of its words, "hidden:QUESTION" or "shown:QUESTION", and prints
// each answer in JSON. Ends with 130 at SIGINT, with 7 where nobody can be asked, with 70 at an error that nobody
// catches (after the answer "crash"), with 9 at another end.

const own = terminal();
if (own === undefined) process.exit(7);
const person = personAt(own, { columns: () => undefined });

const asking = new AbortController();
process.on("uncaughtException", () => process.exit(70));
process.on("SIGINT", () => asking.abort("SIGINT"));

try {
  for (const word of process.argv.slice(2)) {
    const [kind, question = ""] = word.split(/:(.*)/s);
    const answer = await person.ask(question, { echo: kind === "shown", signal: asking.signal });
    process.stdout.write(`answer ${JSON.stringify(answer)}\n`);
    if (answer === "crash")
      setTimeout(() => {
        throw new Error("crash");
      });
  }
  process.exit(0);
} catch (error) {
  process.stdout.write(`failed: ${error instanceof Error ? error.message : error}\n`);
  process.exit(error === "SIGINT" ? 130 : 9);
}
