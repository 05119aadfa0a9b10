/** The first value that is found, without a wait for the others; undefined when none is. Rejects as the first that does. */
export function firstFound<T>(promises: readonly Promise<T | undefined>[]): Promise<T | undefined> {
  return new Promise((resolve, reject) => {
    const look = (found: T | undefined): void => {
      if (found !== undefined) resolve(found);
    };
    for (const promise of promises) promise.then(look, reject);
    Promise.all(promises).then(() => resolve(undefined), reject);
  });
}
