import { StoreFault } from './store-fault.ts';

const MAX_ATTEMPTS = 4;

/**
 * Does `work` again where the server has ended it because it and another one waited for each other: a batch holds what it
 * has written while it writes the rest. Nothing of it is left then.
 */
export async function whenNotDeadlocked<T>(work: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await work();
    } catch (cause) {
      if (attempt === MAX_ATTEMPTS || !isDeadlock(cause)) throw cause;
    }
  }
}

/** SQLSTATE 40P01. */
function isDeadlock(fault: unknown): boolean {
  const cause = fault instanceof StoreFault ? fault.cause : fault;
  return cause instanceof Error && 'code' in cause && cause.code === '40P01';
}
