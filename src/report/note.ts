/** Takes one line for the log; control characters are escaped by whoever writes it. Never throws. */
export type Note = (line: string) => void;
