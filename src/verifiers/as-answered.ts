/**
 * Results in the order in which they come, those that are there together in one list: whoever answers late holds up
 * nobody who has answered. Throws what a promise rejects with.
 */
export async function* asAnswered<T>(promises: readonly Promise<T>[]): AsyncGenerator<readonly T[], void> {
  const answered: T[] = [];
  let news = Promise.withResolvers<void>();
  const fail = (error: unknown) => {
    // Whoever asked may have gone.
    news.promise.catch(() => undefined);
    news.reject(error);
  };
  for (const promise of promises) {
    promise.then((result) => {
      answered.push(result);
      news.resolve();
    }, fail);
  }
  let left = promises.length;
  while (left > 0) {
    await news.promise;
    news = Promise.withResolvers();
    const together = answered.splice(0);
    left -= together.length;
    yield together;
  }
}
