/** See bun.mjs. */
export function provideBun(root: string): void;
