import type { Peer } from "../control/masters_end.ts";
import { Failure } from "../failure.ts";
import type { Person } from "../person.ts";

/** The person at a caller's terminal, seen from the master: what is asked goes there, and the answer comes back. */
export function remotePerson(peer: Peer): Person {
  let answered: (text: string) => void = () => {};
  peer.listen({ data: () => {}, end: () => {}, answer: ({ text }) => answered(text) });
  return {
    tell: (lines) => peer.reply({ type: "tell", lines }),
    ask: (question, { echo, signal }) =>
      new Promise((resolve, reject) => {
        signal.throwIfAborted();
        answered = resolve;
        signal.addEventListener("abort", () => reject(signal.reason), { once: true });
        const hangUp = (): void => reject(new Failure("gone", "preauth", "nobody is there to answer"));
        peer.gone.addEventListener("abort", hangUp, { once: true });
        peer.reply({ type: "question", question, echo });
      }),
  };
}
