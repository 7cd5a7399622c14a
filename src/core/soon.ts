/** A value, or a promise of one where it has to be waited for. */
export type Soon<T> = T | Promise<T>;

/** What `next` makes of the value: at once if that is there, for waiting costs a turn of its own even then. */
export function after<T, U>(value: Soon<T>, next: (value: T) => Soon<U>): Soon<U> {
  return value instanceof Promise ? value.then(next) : next(value);
}
