/** Lines that a server may say beside the mail in one window; each is a write to the log, 20 to 50 microseconds. */
const MOST = 20_000;

/** The window, in milliseconds. */
const WINDOW = 60_000;

/**
 * Hands lines on, but no more than the log can take without keeping the deadline, or a client that hangs up, waiting.
 * `now` gives milliseconds.
 */
export function withoutFlood(
  onLine: (line: string) => void,
  now: () => number = () => performance.now(),
): (line: string) => void {
  let began = now();
  let count = 0;
  return (line) => {
    if (count >= MOST && now() - began > WINDOW) {
      began = now();
      count = 0;
    }
    count++;
    if (count <= MOST) onLine(line);
    else if (count === MOST + 1) onLine(`more than ${MOST} lines in a minute: the next ones are left out`);
  };
}
