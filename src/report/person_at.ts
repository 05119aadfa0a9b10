import { Failure } from "../failure.ts";
import type { Person } from "../person.ts";
import type { Terminal, World } from "../world.ts";
import { fitted } from "./fit.ts";
import { escapeControls } from "./printable.ts";

/** Whoever sits at a terminal, which is as wide as standard error or standard output says. */
export function personAt(terminal: Terminal, world: Pick<World, "columns">): Person {
  const columns = world.columns(2) ?? world.columns(1);
  const shown = (line: string): readonly string[] => fitted(escapeControls(line), columns);
  return {
    tell: (lines) => terminal.write(lines.map((line) => `${shown(line).join("\n")}\n`).join("")),
    ask: async (question, { echo, signal }) => {
      signal.throwIfAborted();
      const text = question.trimEnd();
      const gap = question.slice(text.length);
      const show = (): void => terminal.write(shown(text).join("\n") + gap);
      const reveal = echo ? (): void => {} : terminal.hide(show);
      if (reveal === undefined) throw gone("it cannot hide what is typed (stty fails)");
      try {
        show();
        const answer = await terminal.readLine(signal);
        if (answer === undefined) throw gone("end of input instead of an answer");
        return answer;
      } catch (error) {
        // What is said next begins on a line of its own.
        terminal.write("\n");
        throw error;
      } finally {
        reveal();
      }
    },
  };
}

function gone(what: string): Failure {
  return new Failure("gone", "the terminal", what);
}
