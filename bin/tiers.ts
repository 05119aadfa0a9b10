// The runtime's compiler. The executable starts with one that is eight times as reluctant as usual (bundle.mjs): most calls
// are over before what it would compile has run again.

interface Runtime {
  readonly Bun?: { readonly unsafe: { setJITPolicy(scale: number): void } };
}

/** Has what runs often compiled as soon as usual. */
export function tierUp(): void {
  (globalThis as Runtime).Bun?.unsafe.setJITPolicy(1);
}
