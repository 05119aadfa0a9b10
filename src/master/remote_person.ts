import { orAborted, whenAborted } from "../abort.ts";
import type { Peer } from "../control/masters_end.ts";
import { Failure } from "../failure.ts";
import type { Person } from "../person.ts";

/** The person at a caller's terminal, seen from the master: what is asked goes there, and the answer comes back. */
export function remotePerson(peer: Peer): Person {
  let answered: (text: string) => void = () => {};
  peer.listen({ data: () => {}, end: () => {}, answer: ({ text }) => answered(text) });
  return {
    tell: (lines) => peer.reply({ type: "tell", lines }),
    ask: async (question, { echo, signal }) => {
      signal.throwIfAborted();
      const answer = new Promise<string>((resolve) => {
        answered = resolve;
      });
      peer.reply({ type: "question", question, echo });
      const given = orAborted(answer, signal);
      const gone = whenAborted(peer.gone).then(() => {
        throw new Failure("gone", "preauth", "the terminal has gone, so nobody can answer");
      });
      return Promise.race([given, gone]);
    },
  };
}
